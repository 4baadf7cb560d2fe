// One row of a table, or its two lines on a phone. Drawn again only when something of it changes: while one scrolls
// through thousands, only the rows that come into view are drawn.

import { memo, type ReactNode } from "react";
import { cn } from "~/lib/cn";
import type { Column } from "./data-table";
import { FROM } from "./data-table-head";

interface TableRowProps<Row> {
  row: Row;
  index: number;
  columns: readonly Column<Row>[];
  /** On a phone. */
  compact: ((row: Row) => { first: ReactNode; second: ReactNode }) | undefined;
  opens: boolean;
  isOpen: boolean;
  /** Absent where rows cannot be chosen. */
  isChosen: boolean | undefined;
  checkName: string | undefined;
  checkReason: string | undefined;
  onCheck: (row: Row) => void;
}

function PlainRow<Row>(props: TableRowProps<Row>) {
  const { row, index, columns, compact, opens, isOpen, isChosen } = props;
  return (
    <tr
      data-index={index}
      tabIndex={opens ? -1 : undefined}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      aria-current={isOpen ? "true" : undefined}
      className={cn(
        "outline-offset-[-2px] aria-[current]:bg-accent-soft aria-selected:bg-accent-soft [&>td]:border-line [&>td]:border-b",
        compact ? "h-14" : "h-9",
        opens && "cursor-pointer hover:bg-hover",
      )}
    >
      {compact ? (
        <CompactCell {...props} {...compact(row)} />
      ) : (
        <>
          {isChosen !== undefined && (
            <td>
              <RowCheckbox {...props} />
            </td>
          )}
          {columns.map((column) => (
            <td
              key={column.id}
              className={cn("truncate px-2 first:pl-0", column.align && "text-right", column.from && FROM[column.from])}
            >
              {column.cell(row)}
            </td>
          ))}
        </>
      )}
    </tr>
  );
}

export const TableRow = memo(PlainRow) as typeof PlainRow;

function CompactCell<Row>({ first, second, ...props }: TableRowProps<Row> & { first: ReactNode; second: ReactNode }) {
  return (
    <td className="py-1">
      <div className="flex items-center gap-2">
        {props.isChosen !== undefined && <RowCheckbox {...props} />}
        <div className="min-w-0 flex-1">
          <div className="flex items-center justify-between gap-2 [&>*:first-child]:min-w-0 [&>*:first-child]:truncate">
            {first}
          </div>
          <div className="flex items-center gap-2 overflow-hidden text-muted text-sm">{second}</div>
        </div>
      </div>
    </td>
  );
}

function RowCheckbox<Row>({ row, isChosen, checkName, checkReason, onCheck }: TableRowProps<Row>) {
  return (
    <input
      type="checkbox"
      aria-label={`Choose ${checkName}`}
      checked={isChosen}
      disabled={checkReason !== undefined}
      title={checkReason}
      onChange={() => onCheck(row)}
      className="block size-4 shrink-0 accent-(--color-accent)"
    />
  );
}
