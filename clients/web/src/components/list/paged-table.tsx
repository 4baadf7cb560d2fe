import type { ReactNode } from "react";
import { ErrorNotice } from "~/components/error-notice";
import { Skeleton } from "~/components/page";
import type { Listed } from "~/lib/listed";
import { DataTable, type DataTableProps } from "./data-table";

export interface PagedTableProps<Row> extends Omit<DataTableProps<Row>, "rows" | "more" | "loading" | "total"> {
  list: Listed<Row>;
  /** What the rows are, in the plural: "members". */
  noun: string;
  /** What stands here where nothing is. */
  empty: ReactNode;
}

/** A list on the page of something else: page after page, without filters and counts of its own. */
export function PagedTable<Row>({ list, noun, empty, ...table }: PagedTableProps<Row>) {
  if (list.isLoading && list.error == null) return <Skeleton lines={3} />;
  return (
    <>
      {list.error != null && (
        <ErrorNotice error={list.error} title={`The ${noun} could not be read`} onRetry={list.reload} />
      )}
      {list.rows.length === 0 && list.error == null && empty}
      {list.rows.length > 0 && <DataTable {...table} rows={list.rows} more={list.more} keys={false} />}
    </>
  );
}
