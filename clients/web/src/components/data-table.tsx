// Lists of objects: rows of 36 pixels, virtualised, moved through with `j` and `k`; on a phone, two lines each.

import { useLocation, useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { cn } from "~/lib/cn";
import type { More } from "~/lib/listed";
import type { Place } from "~/lib/names";
import { useRegisterActions } from "~/lib/shortcuts";
import { useIsCompact } from "~/lib/use-is-compact";
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
  /** The orders of the server by this column. */
  orders?: { ascending: string; descending: string };
}

/** In which order the server gives the rows, and how to ask for another. */
export interface Sorting {
  order: string;
  onChange: (order: string) => void;
}

/** Rows that are chosen for an action on all of them. */
export interface Selection<Row> {
  keys: ReadonlySet<string>;
  onChange: (keys: ReadonlySet<string>) => void;
  /** What a row is called, for its checkbox. */
  nameOf: (row: Row) => string;
  /** Why a row cannot be chosen. */
  reason?: (row: Row) => string | undefined;
}

export interface DataTableProps<Row> {
  /** What the list holds, for screen readers. */
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  /** The page of a row: a click anywhere on it, or Enter, goes there. The first column holds the link itself. */
  place?: (row: Row) => Place | undefined;
  /** What a click or Enter does where a row has no page of its own. */
  onOpen?: (row: Row) => void;
  /** The row that is shown beside the list. */
  openKey?: string | undefined;
  /** The two lines of a row on a phone. */
  compact: (row: Row) => { first: ReactNode; second: ReactNode };
  /** All rows there are, where that is known. */
  total?: number | undefined;
  /** Further pages. */
  more?: More;
  sorting?: Sorting | undefined;
  selection?: Selection<Row> | undefined;
  /** The first rows are on their way: their room is kept. */
  loading?: boolean;
  /** `j` and `k` move through this table; false for a second one on a page. */
  keys?: boolean;
}

const ROW = 36;
const COMPACT_ROW = 56;
const LOADING_ROWS = 10;
/** So far from the end of what is loaded the next page is asked for. */
const AHEAD = 40;
const FROM = { md: "hidden md:table-cell", lg: "hidden lg:table-cell", xl: "hidden xl:table-cell" };
const FROM_COLUMN = { md: "hidden md:table-column", lg: "hidden lg:table-column", xl: "hidden xl:table-column" };

/** Where the keyboard was in a list, by address: back from a row's page it goes on there. */
const lastRows = new Map<string, string>();

export function DataTable<Row>({
  label,
  rows,
  columns,
  rowKey,
  place,
  onOpen,
  openKey,
  compact,
  total,
  more,
  sorting,
  selection,
  loading = false,
  keys: hasKeys = true,
}: DataTableProps<Row>) {
  const navigate = useNavigate();
  const address = useLocation({ select: ({ href }) => `${label} ${href}` });
  const isCompact = useIsCompact();
  const frame = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  const opens = Boolean(place ?? onOpen);

  // What is above may change its height, for instance when filters wrap.
  useLayoutEffect(() => {
    const measure = () => setOffset((frame.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);

  const height = isCompact ? COMPACT_ROW : ROW;
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => height,
    overscan: 20,
    scrollMargin: offset,
    // The header of the page and that of the table cover the top.
    scrollPaddingStart: 84,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows have another height on a phone
  useEffect(() => virtual.measure(), [height, virtual]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  const load = more?.load;
  const wantsMore = more?.has && !more.loading && !more.failed && last >= rows.length - AHEAD;
  useEffect(() => {
    if (wantsMore) load?.();
  }, [wantsMore, load]);

  const open = (row: Row) => {
    if (onOpen) return onOpen(row);
    const to = place?.(row);
    if (to) void navigate(to);
  };
  const focusRow = (by: number) => {
    const from = rows.findIndex((row) => rowKey(row) === lastRows.get(address));
    const next = Math.min(Math.max(from + by, 0), rows.length - 1);
    const row = rows[next];
    if (row === undefined) return;
    lastRows.set(address, rowKey(row));
    virtual.scrollToIndex(next);
    // The row may only now come into being.
    requestAnimationFrame(() =>
      requestAnimationFrame(() => frame.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus()),
    );
  };
  useRegisterActions(
    hasKeys && opens && rows.length > 0
      ? [
          { label: "Next row", group: "List", keys: "j", run: () => focusRow(1) },
          { label: "Previous row", group: "List", keys: "k", run: () => focusRow(-1) },
        ]
      : [],
  );

  const choose = (row: Row) => {
    if (!selection || selection.reason?.(row)) return;
    const keys = new Set(selection.keys);
    if (!keys.delete(rowKey(row))) keys.add(rowKey(row));
    selection.onChange(keys);
  };
  const rowProps = (index: number, row: Row) => ({
    "data-index": index,
    tabIndex: opens ? -1 : undefined,
    "aria-rowindex": index + 2,
    "aria-selected": selection ? selection.keys.has(rowKey(row)) : undefined,
    "aria-current": openKey !== undefined && openKey === rowKey(row) ? ("true" as const) : undefined,
    onFocus: () => void lastRows.set(address, rowKey(row)),
    onKeyDown: (event: React.KeyboardEvent) => {
      if (event.target !== event.currentTarget) return;
      if (event.key === "Enter") open(row);
      if (event.key === "x") choose(row);
    },
    onClick: (event: React.MouseEvent) => {
      // Links and buttons within do what they do; a selection of text is no click.
      const within = (event.target as HTMLElement).closest("a, button, input, label");
      if (!within && !window.getSelection()?.toString()) open(row);
    },
  });
  const checkbox = (row: Row) =>
    selection && <RowCheckbox row={row} selection={selection} rowKey={rowKey} onToggle={() => choose(row)} />;
  const before = (items[0]?.start ?? offset) - offset;
  const after = virtual.getTotalSize() - ((items.at(-1)?.end ?? offset) - offset);
  const rowClass = cn(
    "outline-offset-[-2px] [&>td]:border-line [&>td]:border-b aria-[current]:bg-accent-soft aria-selected:bg-accent-soft",
    opens && "cursor-pointer hover:bg-hover",
  );
  return (
    <div ref={frame} className="min-w-0">
      <table
        aria-label={label}
        aria-rowcount={total === undefined && more?.has ? -1 : (total ?? rows.length) + 1}
        aria-busy={loading || undefined}
        className="w-full table-fixed border-separate border-spacing-0"
      >
        {!isCompact && (
          <>
            <colgroup>
              {selection && <col style={{ width: "32px" }} />}
              {columns.map((column) => (
                <col
                  key={column.id}
                  style={column.width ? { width: column.width } : undefined}
                  className={column.from && FROM_COLUMN[column.from]}
                />
              ))}
            </colgroup>
            <thead className="text-left text-muted text-sm">
              <tr aria-rowindex={1} className="h-8">
                {selection && (
                  <th scope="col" className={HEAD}>
                    <span className="sr-only">Chosen</span>
                  </th>
                )}
                {columns.map((column) => (
                  <th
                    key={column.id}
                    scope="col"
                    aria-sort={sortOf(column, sorting)}
                    className={cn(
                      HEAD,
                      "truncate px-2 font-medium first:pl-0",
                      column.align && "text-right",
                      column.from && FROM[column.from],
                    )}
                  >
                    <Heading column={column} sorting={sorting} />
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
                    <div className="flex items-center gap-2">
                      {checkbox(row)}
                      <div className="min-w-0 flex-1">
                        <div className="flex items-center justify-between gap-2 [&>*:first-child]:min-w-0 [&>*:first-child]:truncate">
                          {first}
                        </div>
                        <div className="flex items-center gap-2 overflow-hidden text-muted text-sm">{second}</div>
                      </div>
                    </div>
                  </td>
                </tr>
              );
            }
            return (
              <tr key={key} {...rowProps(index, row)} className={cn(rowClass, "h-9")}>
                {selection && <td>{checkbox(row)}</td>}
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
          {loading && <LoadingRows columns={isCompact ? 1 : columns.length + (selection ? 1 : 0)} height={height} />}
        </tbody>
      </table>
      {loading && (
        <span role="status" className="sr-only">
          Loading {label}
        </span>
      )}
      {more?.has && rows.length > 0 && (
        <div className="flex justify-center py-3">
          <Button size="sm" busy={more.loading && "Loading more"} onClick={more.load}>
            Load more
          </Button>
        </div>
      )}
    </div>
  );
}

/** Stays in view below the header of the page. */
const HEAD = "sticky top-12 z-10 border-line border-b bg-canvas";

function sortOf<Row>({ orders }: Column<Row>, sorting: Sorting | undefined) {
  if (!orders || !sorting) return undefined;
  if (sorting.order === orders.ascending) return "ascending";
  return sorting.order === orders.descending ? "descending" : "none";
}

function Heading<Row>({ column, sorting }: { column: Column<Row>; sorting: Sorting | undefined }) {
  const { orders, header } = column;
  if (!orders || !sorting) return header;
  const sort = sortOf(column, sorting);
  const Icon = sort === "ascending" ? ArrowUp : ArrowDown;
  return (
    <button
      type="button"
      onClick={() => sorting.onChange(sort === "descending" ? orders.ascending : orders.descending)}
      className="inline-flex items-center gap-1 font-medium hover:text-ink"
    >
      {header}
      <Icon aria-hidden className={cn("size-3.5", sort === "none" && "opacity-0")} />
    </button>
  );
}

function RowCheckbox<Row>({
  row,
  selection,
  rowKey,
  onToggle,
}: {
  row: Row;
  selection: Selection<Row>;
  rowKey: (row: Row) => string;
  onToggle: () => void;
}) {
  const reason = selection.reason?.(row);
  return (
    <input
      type="checkbox"
      aria-label={`Choose ${selection.nameOf(row)}`}
      checked={selection.keys.has(rowKey(row))}
      disabled={Boolean(reason)}
      title={reason}
      onChange={onToggle}
      className="block size-4 shrink-0 accent-(--color-accent)"
    />
  );
}

function LoadingRows({ columns, height }: { columns: number; height: number }) {
  return Array.from({ length: LOADING_ROWS }, (_, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the bars have nothing else to tell them apart
    <tr key={row} aria-hidden style={{ height }}>
      <td colSpan={columns} className="border-line border-b">
        <div className="h-3.5 animate-pulse rounded-sm bg-active" style={{ width: `${94 - ((row * 17) % 38)}%` }} />
      </td>
    </tr>
  ));
}
