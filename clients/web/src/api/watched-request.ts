// One request as it happens: its stream pushes the request, its timeline and the progress of its job.

import { createClient } from "@connectrpc/connect";
import { createConnectQueryKey, useQuery } from "@connectrpc/connect-query";
import { useEffect, useMemo, useState } from "react";
import type { JobProgress } from "~/gen/flagstone/v1/job_service_pb";
import { type Request, RequestService, type TimelineEntry } from "~/gen/flagstone/v1/request_service_pb";
import { mergeEntries } from "~/lib/timeline";
import { transport } from "./client";
import { setLiveStatus } from "./live";
import { queryClient, refreshAll } from "./queries";
import { follow } from "./stream";

const client = createClient(RequestService, transport);
const { getRequest, listRequestTimeline } = RequestService.method;

/** What pages show around a request and what its stream does not push: asked for again after a change. */
const AROUND = new Set([
  "GetRequestPlan",
  "ExplainPending",
  "ListRequests",
  "GetApproval",
  "ListApprovals",
  "GetJob",
  "ListJobs",
  "GetDeployment",
  "ListDeployments",
]);

/** A job tells of its progress many times a second: what else that may change is asked for only so often. */
const THROTTLE = 300;

export interface WatchedRequest {
  request: ReturnType<typeof useQuery<typeof getRequest.input, typeof getRequest.output>>;
  timeline: readonly TimelineEntry[];
  /** Of the job under way. */
  progress: JobProgress | undefined;
}

/** Follows a request while the page is there. Everything else that shows it sees the same: the cache is kept up to date. */
export function useWatchedRequest(name: string): WatchedRequest {
  const request = useQuery(getRequest, { name });
  const past = useQuery(listRequestTimeline, { parent: name, pageSize: 200 });
  const [entries, setEntries] = useState<readonly TimelineEntry[]>([]);
  const [progress, setProgress] = useState<JobProgress>();
  useEffect(() => {
    const abort = new AbortController();
    const queryKey = createConnectQueryKey({
      schema: getRequest,
      input: { name },
      transport,
      cardinality: "finite",
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refreshAround = () => {
      clearTimeout(timer);
      timer = undefined;
      void queryClient.invalidateQueries({
        predicate: ({ queryKey: [kind, key] }) =>
          kind === "connect-query" && AROUND.has((key as { methodName?: string }).methodName ?? ""),
      });
    };
    setEntries([]);
    setProgress(undefined);
    let shown: Request | undefined;
    void follow(
      {
        open: (cursor, signal) => client.watchRequest({ name, cursor }, { signal }),
        hear: ({ event }) => {
          if (event.case === "end") return { end: event.value };
          if (event.case === "update") {
            const { request: next, timeline, progress: current } = event.value;
            if (next) {
              // An answer that was asked for earlier and comes later would show the past.
              void queryClient.cancelQueries({ queryKey }).then(() => queryClient.setQueryData(queryKey, next));
            }
            if (timeline.length > 0) setEntries((known) => mergeEntries(known, timeline));
            setProgress(current);
            // The first message is what the page has just asked for.
            if (shown && shown.etag !== next?.etag) refreshAround();
            else if (shown) timer ??= setTimeout(refreshAround, THROTTLE);
            shown = next;
          }
          return { cursor: event.value?.cursor };
        },
        resync: () => {
          refreshAll();
          setLiveStatus("live", true);
        },
        status: (status) => setLiveStatus(status),
      },
      abort.signal,
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [name]);
  const timeline = useMemo(() => mergeEntries(past.data?.entries ?? [], entries), [past.data, entries]);
  return { request, timeline, progress };
}
