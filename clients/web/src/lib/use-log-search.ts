import { useEffect, useReducer, useState } from "react";
import type { JobLog } from "~/api/job-log";
import { isEmptyQuery, LogSearch } from "./log-search";

/** How often a log that grows is looked through for more. */
const AGAIN = 500;

/** Looks for lines of a log while the query stands; nothing where the query is empty. */
export function useLogSearch(log: JobLog, text: string, not: boolean, level: number): LogSearch | undefined {
  const [search, setSearch] = useState<LogSearch>();
  const [, redraw] = useReducer((version: number) => version + 1, 0);
  useEffect(() => {
    const query = { text, not, level };
    if (isEmptyQuery(query)) return;
    const abort = new AbortController();
    const started = new LogSearch(log.asking(query, abort.signal), redraw);
    setSearch(started);
    void started.run();
    const timer = setInterval(() => void started.grown(log.head().end), AGAIN);
    return () => {
      clearInterval(timer);
      started.stop();
      abort.abort();
      setSearch(undefined);
    };
  }, [log, text, not, level]);
  return search;
}
