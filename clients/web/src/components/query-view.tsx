import { ErrorNotice } from "./error-notice";
import { Skeleton } from "./page";

/** What of a query the view needs. */
interface Queried<Data> {
  data: Data | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

export interface QueryViewProps<Data> {
  query: Queried<Data>;
  /** What could not be read, as the heading of the error. */
  title?: string;
  lines?: number;
  children: (data: Data) => React.ReactNode;
}

/** Shows an answer, or that it is on its way, or why there is none. An older answer stays in view under an error. */
export function QueryView<Data>({ query, title, lines, children }: QueryViewProps<Data>) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error != null && (
          <ErrorNotice
            error={query.error}
            title="What you see may be out of date"
            onRetry={() => void query.refetch()}
          />
        )}
        {children(query.data)}
      </>
    );
  }
  if (query.error != null)
    return <ErrorNotice error={query.error} title={title} onRetry={() => void query.refetch()} />;
  return <Skeleton lines={lines} />;
}
