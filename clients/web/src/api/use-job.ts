import { createClient } from "@connectrpc/connect";
import { createConnectQueryKey, useQuery } from "@connectrpc/connect-query";
import { useEffect } from "react";
import { type Job, JobService, type WatchJobResponse } from "~/gen/flagstone/v1/job_service_pb";
import { type Request, RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { transport } from "./client";
import { setLiveStatus } from "./live";
import { queryClient, refreshObjects } from "./queries";
import { follow } from "./stream";

const client = createClient(JobService, transport);

/** A job, followed while the page is open. */
export function useJob(name: string) {
  const query = useQuery(JobService.method.getJob, { name });
  useEffect(() => {
    const abort = new AbortController();
    const key = createConnectQueryKey({
      schema: JobService.method.getJob,
      input: { name },
      transport,
      cardinality: "finite",
    });
    let state: Job["state"] | undefined;
    void follow<WatchJobResponse>(
      {
        open: (cursor, signal) => client.watchJob({ name, cursor }, { signal }),
        hear: ({ event }) => {
          if (event.case === "end") return { end: event.value };
          if (event.case === "update" && event.value.job) {
            const { job } = event.value;
            queryClient.setQueryData(key, job);
            // Why it waits, and what its request says, changes with its state; its progress is of no interest to them.
            if (state !== undefined && state !== job.state) refreshObjects(["job"]);
            state = job.state;
          }
          return { cursor: event.value?.cursor };
        },
        status: (status) => setLiveStatus(status),
      },
      abort.signal,
    );
    return () => abort.abort();
  }, [name]);
  return query;
}

/** The request that a job works for; `undefined` while it is not known, or where one may not read it. */
export function useJobRequest({ subject }: Job): Request | undefined {
  return useQuery(RequestService.method.getRequest, { name: subject }, { staleTime: 60_000 }).data;
}
