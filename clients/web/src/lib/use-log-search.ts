import { useEffect, useReducer, useState } from "react";
import type { JobLog } from "~/api/job-log";
import { isEmptyQuery, type LogQuery, LogSearch } from "./log-search";

/** How often a log that grows is looked through for more. */
const AGAIN = 500;

/** Looks for lines of a log while the query stands; nothing where the query is empty. */
export function useLogSearch(log: JobLog, text: string, not: boolean, level: number): LogSearch | undefined {
  const [running, setRunning] = useState<{ query: LogQuery; search: LogSearch }>();
  const [, redraw] = useReducer((version: number) => version + 1, 0);
  useEffect(() => {
    const query = { text, not, level };
    if (isEmptyQuery(query)) return;
    const abort = new AbortController();
    const started = new LogSearch(log.asking(query, abort.signal), redraw);
    setRunning({ query, search: started });
    void started.run();
    const timer = setInterval(() => void started.grown(log.head().end), AGAIN);
    return () => {
      clearInterval(timer);
      started.stop();
      abort.abort();
    };
  }, [log, text, not, level]);
  // What another query has found is not shown, not even for the moment until the new search has begun.
  const isAsked = running?.query.text === text && running.query.not === not && running.query.level === level;
  return isAsked && !isEmptyQuery(running.query) ? running.search : undefined;
}
