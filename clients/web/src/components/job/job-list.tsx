// What a list of jobs shows of each, and what it can be filtered by.

import { Link } from "@tanstack/react-router";
import type { Column } from "~/components/list/data-table";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { type Job, JobKind, JobOperation, JobQueue, JobState } from "~/gen/flagstone/v1/job_service_pb";
import type { FilterFields } from "~/lib/filter";
import { stateOptions } from "~/lib/filter-options";
import { formatMillis, millis, sentence } from "~/lib/format";
import { idOf, type Place, routeOf, unitOf } from "~/lib/names";
import { useNow } from "~/lib/use-now";

/** The queues, in the order of claiming. */
export const QUEUES = [JobQueue.HIGH, JobQueue.DEFAULT, JobQueue.LOW] as const;

export const JOB_FIELDS = {
  state: { kind: "choice", label: "State", field: "state", options: stateOptions("job", JobState) },
  kind: {
    kind: "choice",
    label: "Kind",
    field: "kind",
    options: [JobKind.PLAN, JobKind.APPLY].map((kind) => ({
      value: JobKind[kind],
      label: sentence(JobKind[kind]),
    })),
  },
  queue: {
    kind: "choice",
    label: "Queue",
    field: "queue",
    options: QUEUES.map((queue) => ({ value: JobQueue[queue], label: sentence(JobQueue[queue]) })),
  },
  subject: { kind: "exact", label: "Request", field: "subject", placeholder: "businessUnits/…/requests/…" },
  trigger: { kind: "person", label: "Caused by", field: "trigger" },
  created: { kind: "time", label: "Created", field: "create_time" },
} as const satisfies FilterFields;

/** The states in which a job waits for a runner. */
export const WAITING = [JobState.QUEUED, JobState.RETRY_WAIT];

export function jobPlace({ name }: Job): Place | undefined {
  return routeOf(name);
}

/** What a job does: "Plan: create". */
export function jobTitle({ kind, operation }: Job): string {
  return `${sentence(JobKind[kind] ?? "")}: ${(JobOperation[operation] ?? "").toLowerCase()}`;
}

/** How long it took, or has taken so far. */
function JobDuration({ job: { startTime, endTime } }: { job: Job }) {
  const start = millis(startTime);
  const end = millis(endTime);
  if (start === undefined) return null;
  return end === undefined ? <Elapsed since={start} /> : formatMillis(end - start);
}

function Elapsed({ since }: { since: number }) {
  return formatMillis(useNow(1_000) - since);
}

const title = (job: Job) => (
  <Link to="/jobs/$job" params={{ job: idOf(job.name) }} className="text-accent-strong hover:underline">
    {jobTitle(job)}
  </Link>
);

/** Where it is; while it runs, with its step. */
const state = ({ state, progress }: Job) => (
  <>
    <StateBadge kind="job" state={state} />
    {state === JobState.RUNNING && progress && (
      <span className="ml-1.5 text-muted text-sm tabular-nums" title={`${progress.step}: ${progress.message}`}>
        {progress.percent} %
      </span>
    )}
  </>
);

export const JOB_COLUMNS: readonly Column<Job>[] = [
  { id: "title", header: "Job", width: "124px", cell: title },
  { id: "state", header: "State", width: "160px", cell: state },
  {
    id: "deployment",
    header: "Deployment",
    cell: ({ deployment }) => (
      <ResourceName name={deployment}>
        <span className="text-muted text-sm">{unitOf(deployment)} / </span>
        <span className="font-mono text-sm">{idOf(deployment)}</span>
      </ResourceName>
    ),
  },
  {
    id: "request",
    header: "Request",
    width: "84px",
    from: "lg",
    cell: ({ subject }) => (
      <ResourceName name={subject}>
        <span className="font-mono text-sm">{idOf(subject).slice(0, 8)}</span>
      </ResourceName>
    ),
  },
  {
    id: "attempt",
    header: "Attempt",
    width: "76px",
    from: "lg",
    align: "end",
    cell: ({ attempt, maxAttempts }) => `${attempt} of ${maxAttempts}`,
  },
  { id: "duration", header: "Duration", width: "96px", align: "end", cell: (job) => <JobDuration job={job} /> },
  {
    id: "runner",
    header: "Runner",
    width: "108px",
    from: "xl",
    cell: ({ runner }) => runner && <PrincipalChip name={runner} />,
  },
  {
    id: "trigger",
    header: "Caused by",
    width: "100px",
    from: "xl",
    cell: ({ trigger }) => <PrincipalChip name={trigger} />,
  },
  {
    id: "created",
    header: "Created",
    width: "108px",
    orders: { ascending: "create_time", descending: "create_time desc" },
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export function compactJob(job: Job) {
  return {
    first: (
      <>
        <span>
          {title(job)} <span className="text-muted">{idOf(job.deployment)}</span>
        </span>
        <StateBadge kind="job" state={job.state} />
      </>
    ),
    second: (
      <>
        <JobDuration job={job} />
        <PrincipalChip name={job.trigger} />
        <RelativeTime time={job.createTime} />
      </>
    ),
  };
}
