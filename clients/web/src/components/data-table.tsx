// Lists of objects: rows of 36 pixels, virtualised, moved through with `j` and `k`; on a phone, two lines each.

import { useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { cn } from "~/lib/cn";
import type { Place } from "~/lib/names";
import { useRegisterActions } from "~/lib/shortcuts";
import { Button } from "~/ui/button";

export interface Column<Row> {
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** A CSS width; the rest is shared. */
  width?: string;
  align?: "end";
  /** Left out on narrower screens. */
  from?: "md" | "lg" | "xl";
}

export interface DataTableProps<Row> {
  /** What the list holds, for screen readers. */
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  /** The page of a row: a click anywhere on it, or Enter, goes there. The first column holds the link itself. */
  place?: (row: Row) => Place | undefined;
  /** The two lines of a row on a phone. */
  compact: (row: Row) => { first: ReactNode; second: ReactNode };
  /** All rows there are, where that is known. */
  total?: number | undefined;
  /** Further pages. */
  more?: { has: boolean; loading: boolean; load: () => void };
}

const ROW = 36;
const COMPACT_ROW = 56;
const FROM = { md: "hidden md:table-cell", lg: "hidden lg:table-cell", xl: "hidden xl:table-cell" };
const FROM_COLUMN = { md: "hidden md:table-column", lg: "hidden lg:table-column", xl: "hidden xl:table-column" };

function useIsCompact(): boolean {
  const query = "(width < 640px)";
  const [compact, setCompact] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const list = window.matchMedia(query);
    const change = () => setCompact(list.matches);
    list.addEventListener("change", change);
    return () => list.removeEventListener("change", change);
  }, []);
  return compact;
}

export function DataTable<Row>({ label, rows, columns, rowKey, place, compact, total, more }: DataTableProps<Row>) {
  const navigate = useNavigate();
  const isCompact = useIsCompact();
  const frame = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  const [current, setCurrent] = useState(-1);

  useLayoutEffect(() => setOffset((frame.current?.getBoundingClientRect().top ?? 0) + window.scrollY), []);

  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => (isCompact ? COMPACT_ROW : ROW),
    overscan: 20,
    scrollMargin: offset,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  const load = more?.load;
  const wantsMore = more?.has && !more.loading && last >= rows.length - 30;
  useEffect(() => {
    if (wantsMore) load?.();
  }, [wantsMore, load]);

  const open = useCallback(
    (row: Row | undefined) => {
      const to = row && place?.(row);
      if (to) void navigate(to);
    },
    [navigate, place],
  );
  const move = (by: number) => {
    const next = Math.min(Math.max(current + by, 0), rows.length - 1);
    if (next < 0) return;
    setCurrent(next);
    virtual.scrollToIndex(next);
    // The row may only now come into being.
    requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus());
  };
  useRegisterActions(
    place && rows.length > 0
      ? [
          { label: "Next row", group: "List", keys: "j", run: () => move(1) },
          { label: "Previous row", group: "List", keys: "k", run: () => move(-1) },
        ]
      : [],
  );

  const before = (items[0]?.start ?? offset) - offset;
  const after = virtual.getTotalSize() - ((items.at(-1)?.end ?? offset) - offset);
  const rowProps = (index: number, row: Row) => ({
    "data-index": index,
    tabIndex: place ? -1 : undefined,
    "aria-rowindex": index + 2,
    onFocus: () => setCurrent(index),
    onKeyDown: (event: React.KeyboardEvent) => {
      if (event.key === "Enter" && event.target === event.currentTarget) open(row);
    },
    onClick: (event: React.MouseEvent) => {
      // Links and buttons within do what they do; a selection of text is no click.
      const within = (event.target as HTMLElement).closest("a, button, input, label");
      if (!within && !window.getSelection()?.toString()) open(row);
    },
  });
  const rowClass = cn("border-line border-b outline-offset-[-2px]", place && "cursor-pointer hover:bg-hover");
  return (
    <div ref={frame} className="min-w-0">
      <table
        aria-label={label}
        aria-rowcount={(total ?? rows.length) + 1}
        className="w-full table-fixed border-collapse"
      >
        {!isCompact && (
          <>
            <colgroup>
              {columns.map((column) => (
                <col
                  key={column.id}
                  style={column.width ? { width: column.width } : undefined}
                  className={column.from && FROM_COLUMN[column.from]}
                />
              ))}
            </colgroup>
            <thead>
              <tr aria-rowindex={1} className="h-8 border-line border-b text-left text-muted text-sm">
                {columns.map((column) => (
                  <th
                    key={column.id}
                    scope="col"
                    className={cn(
                      "truncate px-2 font-medium first:pl-0",
                      column.align && "text-right",
                      column.from && FROM[column.from],
                    )}
                  >
                    {column.header}
                  </th>
                ))}
              </tr>
            </thead>
          </>
        )}
        <tbody>
          {before > 0 && <tr aria-hidden style={{ height: before }} />}
          {items.map(({ index, key }) => {
            const row = rows[index];
            if (row === undefined) return null;
            if (isCompact) {
              const { first, second } = compact(row);
              return (
                <tr key={key} {...rowProps(index, row)} className={cn(rowClass, "h-14")}>
                  <td className="py-1">
                    <div className="flex items-center justify-between gap-2 [&>*:first-child]:min-w-0 [&>*:first-child]:truncate">
                      {first}
                    </div>
                    <div className="flex items-center gap-2 overflow-hidden text-muted text-sm">{second}</div>
                  </td>
                </tr>
              );
            }
            return (
              <tr key={key} {...rowProps(index, row)} className={cn(rowClass, "h-9")}>
                {columns.map((column) => (
                  <td
                    key={column.id}
                    className={cn(
                      "truncate px-2 first:pl-0",
                      column.align && "text-right",
                      column.from && FROM[column.from],
                    )}
                  >
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          {after > 0 && <tr aria-hidden style={{ height: after }} />}
        </tbody>
      </table>
      {more?.has && (
        <div className="flex justify-center py-3">
          <Button size="sm" busy={more.loading && "Loading more"} onClick={more.load}>
            Load more
          </Button>
        </div>
      )}
    </div>
  );
}
