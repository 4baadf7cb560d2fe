// Lists as pages show them: page after page by token, kept up to date as long as that is cheap.

import type { DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { createConnectQueryKey, useTransport } from "@connectrpc/connect-query";
import {
  type InfiniteData,
  type Query,
  type SkipToken,
  type UseInfiniteQueryResult,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useMemo, useSyncExternalStore } from "react";

/** Rows asked for at a time. */
export const PAGE_SIZE = 100;

/** The server counts no further. */
export const MAX_TOTAL = 10_000;

/**
 * A list that changed is read anew from its first page to the last one loaded, one after the other. Beyond so many pages
 * it is not: the page says that it changed, and the reader decides.
 */
const LIVE_PAGES = 5;

/** How a paged list is asked for. */
export const paged = {
  pageParamKey: "pageToken",
  getNextPageParam: (last: { nextPageToken: string }) => last.nextPageToken || undefined,
  enabled: (query: Pick<Query, "state">) => pagesOf(query.state.data) <= LIVE_PAGES,
  // What was shown stays, marked as being replaced, while another filter is asked for.
  placeholderData: <Data>(before: Data | undefined) => before,
} as const;

function pagesOf(data: unknown): number {
  return (data as { pages?: unknown[] } | undefined)?.pages?.length ?? 0;
}

/** Further pages of a list. */
export interface More {
  has: boolean;
  loading: boolean;
  /** The last try failed: nothing asks again by itself. */
  failed: boolean;
  load: () => void;
}

/** A list as far as it is loaded. */
export interface Listed<Row> {
  rows: readonly Row[];
  /** Nothing is there yet. */
  isLoading: boolean;
  /** Another filter was chosen; the rows are those of the one before. */
  isReplaced: boolean;
  error: unknown;
  more: More;
  /** It changed since it was read, and is too long to be read anew by itself. */
  isOutdated: boolean;
  /** Reads it anew from its first page. */
  reload: () => void;
}

/** What a page needs of a paged list. `method` and `input` are those of the query. */
export function useListed<Page, Row>(
  method: DescMethodUnary,
  input: MessageInitShape<DescMethodUnary["input"]> | SkipToken,
  query: UseInfiniteQueryResult<InfiniteData<Page>, Error>,
  rowsOf: (page: Page) => readonly Row[],
): Listed<Row> {
  const client = useQueryClient();
  const transport = useTransport();
  const queryKey = createConnectQueryKey({
    schema: method,
    input,
    transport,
    cardinality: "infinite",
    pageParamKey: paged.pageParamKey as never,
  });
  const subscribe = useCallback((listener: () => void) => client.getQueryCache().subscribe(listener), [client]);
  const isInvalidated = useSyncExternalStore(subscribe, () => client.getQueryState(queryKey)?.isInvalidated ?? false);
  const { data, fetchNextPage } = query;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `rowsOf` only names the field of the page
  const rows = useMemo(() => data?.pages.flatMap(rowsOf) ?? [], [data]);
  return {
    rows,
    isLoading: query.isPending,
    isReplaced: query.isPlaceholderData,
    error: query.error,
    more: {
      has: query.hasNextPage,
      loading: query.isFetchingNextPage,
      failed: query.isFetchNextPageError,
      load: useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]),
    },
    isOutdated: isInvalidated && pagesOf(data) > LIVE_PAGES,
    reload: () => void client.resetQueries({ queryKey, exact: true }),
  };
}
