// What every list page has around its table: how much is shown of how much, what is stale, what went wrong, what to do
// where nothing is.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { cn } from "~/lib/cn";
import { formatNumber } from "~/lib/format";
import { type Listed, MAX_TOTAL } from "~/lib/listed";
import { Button } from "~/ui/button";
import { DataTable, type DataTableProps } from "./data-table";
import type { Refusal } from "./use-unit-refusal";

/** `12`, `10,000+` where the server counted no further. */
export function formatTotal(total: number): string {
  return total >= MAX_TOTAL ? `${formatNumber(MAX_TOTAL)}+` : formatNumber(total);
}

export interface ListViewProps<Row> extends Omit<DataTableProps<Row>, "rows" | "total" | "more" | "loading"> {
  list: Listed<Row>;
  /** What the rows are, in the plural: "requests". */
  noun: string;
  /** How many there are with what is chosen, and without; `undefined` where it is not known yet. */
  total: number | undefined;
  base: number | undefined;
  isFiltered: boolean;
  onClear: () => void;
  /** What stands here where nothing is, and no filter is why. */
  empty: ReactNode;
  /** Why the list shows less than there may be, for lists that are refused to nobody. */
  refusal?: Refusal;
  /** In the line of the count, at its end: order, columns, what can be done with all. */
  controls?: ReactNode;
}

export function ListView<Row>({
  list,
  noun,
  total,
  base,
  isFiltered,
  onClear,
  empty,
  refusal,
  controls,
  ...table
}: ListViewProps<Row>) {
  const { rows, error, isReplaced, isOutdated } = list;
  const isLoading = list.isLoading || (rows.length === 0 && error == null && refusal?.isAsked === true);
  const isEmpty = !isLoading && !isReplaced && rows.length === 0;
  // A unit that is not there answers like one that one may not look into.
  if (refusal?.notice && !isLoading && rows.length === 0) return refusal.notice;
  if (error != null && isLoading === false && rows.length === 0) {
    return <ErrorNotice error={error} title={refusalTitle(noun)} onRetry={list.reload} />;
  }
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex min-h-7 flex-wrap items-center gap-x-3 gap-y-1 text-muted text-sm">
        <output className="tabular-nums" aria-label="How many">
          {isLoading || isReplaced ? (
            `Reading ${noun}`
          ) : (
            <Shown noun={noun} total={total} base={base} isFiltered={isFiltered} loaded={rows.length} />
          )}
        </output>
        {!isEmpty && <div className="ml-auto flex items-center gap-1.5">{controls}</div>}
      </div>
      {error != null && (
        <ErrorNotice
          error={error}
          title="What you see may be incomplete or out of date"
          onRetry={list.more.failed ? list.more.load : list.reload}
        />
      )}
      {refusal?.notice}
      {isOutdated && (
        <p role="status" className="flex flex-wrap items-center gap-2 rounded-md bg-accent-soft px-3 py-1.5">
          This list changed since it was read.
          <Button
            size="sm"
            onClick={() => {
              window.scrollTo({ top: 0 });
              list.reload();
            }}
          >
            Read it again
          </Button>
        </p>
      )}
      {isEmpty && isFiltered && (
        <EmptyState action={<Button onClick={onClear}>Clear filters</Button>}>
          No {noun} are as the filters say{base ? `; without them there are ${formatTotal(base)}` : ""}.
        </EmptyState>
      )}
      {isEmpty && !isFiltered && empty}
      {!isEmpty && (
        <div className={cn("transition-opacity", isReplaced && "opacity-50")} aria-busy={isReplaced || undefined}>
          <DataTable
            {...table}
            rows={rows}
            total={isReplaced ? undefined : total}
            more={list.more}
            loading={isLoading}
          />
        </div>
      )}
    </div>
  );
}

function refusalTitle(noun: string): string {
  return `The ${noun} could not be read`;
}

function Shown({
  noun,
  total,
  base,
  isFiltered,
  loaded,
}: Pick<ListViewProps<unknown>, "noun" | "total" | "base" | "isFiltered"> & { loaded: number }) {
  if (total === undefined) return `${formatNumber(loaded)} ${noun} read, and more`;
  if (isFiltered && base !== undefined) return `${formatTotal(total)} of ${formatTotal(base)} ${noun}`;
  return `${formatTotal(total)} ${total === 1 ? noun.replace(/s$/, "") : noun}`;
}

/** A choice of filters with a name, and how many it shows. */
export interface View {
  label: string;
  /** What of the address it sets; `undefined` takes away. */
  search: Record<string, string | undefined>;
  count: number | undefined;
  isChosen: boolean;
}

/** The views of a list, as links: a copied address shows the same. */
export function Views({ views }: { views: readonly View[] }) {
  return (
    <nav aria-label="Views" className="-mb-2 overflow-x-auto border-line border-b">
      <ul className="flex gap-2">
        {views.map(({ label, search, count, isChosen }) => (
          <li key={label}>
            <Link
              to="."
              search={(before) => ({ ...before, ...search })}
              // Without this the router takes every view for the current one whose filters are among the chosen ones.
              activeOptions={{ exact: true }}
              aria-current={isChosen ? "true" : undefined}
              className={cn(
                "flex h-9 items-center gap-1.5 border-b-2 whitespace-nowrap",
                isChosen ? "border-accent font-semibold text-ink" : "border-transparent text-muted hover:text-ink",
              )}
            >
              {label}
              {/* The room of the number is kept: nothing moves when it comes. */}
              <span className="min-w-11 text-muted text-sm tabular-nums">
                {count !== undefined && formatTotal(count)}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
