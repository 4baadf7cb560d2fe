// Lists of objects: rows of 36 pixels, virtualised, moved through with `j` and `k`; on a phone, two lines each.

import { useLocation, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { More } from "~/lib/listed";
import type { Place } from "~/lib/names";
import { useRegisterActions } from "~/lib/shortcuts";
import { useIsCompact } from "~/lib/use-is-compact";
import { useWindowRows } from "~/lib/use-window-rows";
import { Button } from "~/ui/button";
import { LoadingRows, TableHead } from "./data-table-head";
import { TableRow } from "./data-table-row";

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
/** The header of the page and that of the table cover so much of the top. */
const COVERED = 80;
/** So far from the end of what is loaded the next page is asked for. */
const AHEAD = 40;

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
  const { first, end, top, show } = useWindowRows({ count: rows.length, height, top: offset, covered: COVERED });
  const load = more?.load;
  const wantsMore = more?.has && !more.loading && !more.failed && end > rows.length - AHEAD;
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
    // Without a row to start from, the first one in view.
    const next = from < 0 ? top : Math.min(Math.max(from + by, 0), rows.length - 1);
    const row = rows[next];
    if (row === undefined) return;
    lastRows.set(address, rowKey(row));
    show(next);
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
  // The same function as long as the table is there: a row is drawn again only when something of it changes.
  const latestChoose = useRef(choose);
  latestChoose.current = choose;
  const toggle = useCallback((row: Row) => latestChoose.current(row), []);
  /** The row in which something happened. */
  const rowOf = (event: React.SyntheticEvent) => {
    const element = (event.target as HTMLElement).closest<HTMLElement>("tr[data-index]");
    return element ? rows[Number(element.dataset.index)] : undefined;
  };
  const onRows = {
    onFocus: (event: React.FocusEvent) => {
      const row = rowOf(event);
      if (row !== undefined) lastRows.set(address, rowKey(row));
    },
    onKeyDown: (event: React.KeyboardEvent) => {
      const row = rowOf(event);
      // Only the row itself: links and buttons within have keys of their own.
      if (row === undefined || !(event.target instanceof HTMLTableRowElement)) return;
      if (event.key === "Enter") open(row);
      if (event.key === "x") choose(row);
    },
    onClick: (event: React.MouseEvent) => {
      const row = rowOf(event);
      // Links and buttons within do what they do; a selection of text is no click.
      const within = (event.target as HTMLElement).closest("a, button, input, label");
      if (row !== undefined && opens && !within && !window.getSelection()?.toString()) open(row);
    },
  };
  const before = first * height;
  const after = (rows.length - end) * height;
  return (
    <div ref={frame} className="min-w-0">
      <table
        aria-label={label}
        aria-rowcount={total === undefined && more?.has ? -1 : (total ?? rows.length) + 1}
        aria-busy={loading || undefined}
        className="w-full table-fixed border-separate border-spacing-0"
      >
        {!isCompact && <TableHead columns={columns} sorting={sorting} isSelectable={Boolean(selection)} />}
        <tbody {...onRows}>
          {before > 0 && <tr aria-hidden style={{ height: before }} />}
          {rows.slice(first, end).map((row, index) => {
            const own = rowKey(row);
            return (
              <TableRow
                key={own}
                row={row}
                index={first + index}
                columns={columns}
                compact={isCompact ? compact : undefined}
                opens={opens}
                isOpen={openKey === own}
                isChosen={selection?.keys.has(own)}
                checkName={selection?.nameOf(row)}
                checkReason={selection?.reason?.(row)}
                onCheck={toggle}
              />
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
