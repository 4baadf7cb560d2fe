// The headings of a table, and the bars in place of rows that are on their way.

import { ArrowDown, ArrowUp } from "lucide-react";
import { cn } from "~/lib/cn";
import type { Column, Sorting } from "./data-table";

/** From which width on a cell is shown. */
export const FROM = { md: "hidden md:table-cell", lg: "hidden lg:table-cell", xl: "hidden xl:table-cell" };
const FROM_COLUMN = { md: "hidden md:table-column", lg: "hidden lg:table-column", xl: "hidden xl:table-column" };

/** Stays in view below the header of the page. */
const HEAD = "sticky top-12 z-10 border-line border-b bg-canvas";

export function TableHead<Row>({
  columns,
  sorting,
  isSelectable,
}: {
  columns: readonly Column<Row>[];
  sorting: Sorting | undefined;
  isSelectable: boolean;
}) {
  return (
    <>
      <colgroup>
        {isSelectable && <col style={{ width: "32px" }} />}
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
          {isSelectable && (
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
  );
}

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

const LOADING_ROWS = 10;

export function LoadingRows({ columns, height }: { columns: number; height: number }) {
  return Array.from({ length: LOADING_ROWS }, (_, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the bars have nothing else to tell them apart
    <tr key={row} aria-hidden style={{ height }}>
      <td colSpan={columns} className="border-line border-b">
        <div className="h-3.5 animate-pulse rounded-sm bg-active" style={{ width: `${94 - ((row * 17) % 38)}%` }} />
      </td>
    </tr>
  ));
}
