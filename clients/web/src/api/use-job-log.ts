import { useEffect, useMemo, useSyncExternalStore } from "react";
import { JobLog, type LogHead } from "./job-log";

/** A job's log, followed while the page is open. */
export function useJobLog(name: string): JobLog {
  const log = useMemo(() => new JobLog(name), [name]);
  useEffect(() => log.start(), [log]);
  return log;
}

/** How far the log is, again after every change. */
export function useLogHead(log: JobLog): LogHead {
  return useSyncExternalStore(log.subscribe, log.head);
}
