import { createFileRoute } from "@tanstack/react-router";
import { CircleX } from "lucide-react";
import { useCallback, useState } from "react";
import { useJob, useJobRequest } from "~/api/use-job";
import { useJobLog, useLogHead } from "~/api/use-job-log";
import { CancelJob } from "~/components/job/cancel-job";
import { ExportLog } from "~/components/job/export-log";
import { jobTitle, WAITING } from "~/components/job/job-list";
import { JobSteps } from "~/components/job/job-steps";
import { ReplayJob } from "~/components/job/replay-job";
import { RunJobNow } from "~/components/job/run-job-now";
import type { LogAddress } from "~/components/log/log-toolbar";
import { LogView } from "~/components/log/log-view";
import { Facts, Page, Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ProgressLine, StateBadge } from "~/components/state-badge";
import { WhyWaiting } from "~/components/why-waiting";
import { ErrorClass, type Job, JobQueue, JobState } from "~/gen/flagstone/v1/job_service_pb";
import { formatBytes, formatMillis, millis, sentence } from "~/lib/format";
import { isOver } from "~/lib/job-steps";
import { idOf } from "~/lib/names";
import { useNow } from "~/lib/use-now";

const LEVELS = ["info", "warning", "error"] as const;

export const Route = createFileRoute("/_app/jobs/$job")({
  validateSearch: (search): LogAddress => ({
    line: Number.isSafeInteger(search.line) && Number(search.line) > 0 ? Number(search.line) : undefined,
    q: search.q === undefined ? undefined : String(search.q).slice(0, 100),
    not: search.not === true || undefined,
    level: LEVELS.find((level) => level === search.level),
    only: search.only === true || undefined,
  }),
  component: JobPage,
});

function JobPage() {
  const { job: id } = Route.useParams();
  const query = useJob(`jobs/${id}`);
  if (query.data) return <LoadedJob job={query.data} />;
  return (
    <Page title="Job" crumbs={[{ label: "Jobs", to: "/jobs" }]} name={`jobs/${id}`}>
      <QueryView query={query} title="The job could not be read">
        {() => null}
      </QueryView>
    </Page>
  );
}

function LoadedJob({ job }: { job: Job }) {
  const navigate = Route.useNavigate();
  const address = Route.useSearch();
  const log = useJobLog(job.name);
  const head = useLogHead(log);
  const onAddress = useCallback(
    (change: Partial<LogAddress>) =>
      void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false }),
    [navigate],
  );
  const [goal, setGoal] = useState<{ line: number }>();
  const goTo = (line: number) => {
    onAddress({ line, only: undefined });
    setGoal({ line });
  };
  const over = isOver(job.state);
  const { progress } = job;
  return (
    <Page
      title={jobTitle(job)}
      tab={`${jobTitle(job)}, ${idOf(job.deployment)}`}
      crumbs={[{ label: "Jobs", to: "/jobs" }]}
      name={job.name}
      badges={<StateBadge kind="job" state={job.state} />}
      lead={<Lead job={job} />}
      actions={<JobActions job={job} />}
    >
      {job.state === JobState.RUNNING && (
        <ProgressLine percent={progress?.percent} label={progress?.message || "The job runs"} />
      )}
      {job.error && <JobFailure job={job} />}
      {(!over || job.state === JobState.DEAD_LETTERED) && job.state !== JobState.RUNNING && (
        <WhyWaiting name={job.name} state={job.state} />
      )}
      <div className="grid min-w-0 gap-x-6 gap-y-4 lg:grid-cols-[256px_minmax(0,1fr)] lg:grid-rows-[auto_1fr]">
        <Section title="Steps">
          <JobSteps job={job} head={head} onGo={goTo} />
        </Section>
        <div className="min-w-0 lg:col-start-2 lg:row-span-2 lg:row-start-1">
          <LogView job={job} log={log} address={address} onAddress={onAddress} goal={goal} />
        </div>
        <Section title="Details">
          <JobFacts job={job} />
        </Section>
      </div>
    </Page>
  );
}

/** What can be done with it as it is now. */
function JobActions({ job }: { job: Job }) {
  return (
    <>
      <ExportLog job={job} />
      {WAITING.includes(job.state) && <RunJobNow job={job} />}
      {job.state === JobState.DEAD_LETTERED ? <ReplayJob job={job} /> : <CancelJob job={job} />}
    </>
  );
}

/** What it does now, and for whom. */
function Lead({ job }: { job: Job }) {
  const { progress } = job;
  return (
    <span className="flex flex-wrap items-center gap-x-1">
      <span>
        For <ResourceName name={job.deployment} />
      </span>
      {job.state === JobState.RUNNING && progress?.message && (
        <span dir="auto">
          · {progress.message}
          {progress.total > 0 && ` (${progress.current} of ${progress.total})`}
        </span>
      )}
    </span>
  );
}

/** Why it failed, and what to do about it. */
function JobFailure({ job }: { job: Job }) {
  const { error } = job;
  if (!error) return null;
  return (
    <div role="status" className="flex gap-3 rounded-md border border-line-strong bg-failed-soft px-4 py-3">
      <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-failed" />
      <div className="flex min-w-0 flex-col gap-1">
        <p className="font-semibold text-failed">
          {sentence(ErrorClass[error.errorClass] ?? "")}: {error.message}
        </p>
        {error.suggestion && <p>{error.suggestion}</p>}
        <p>
          The way on is at its request: <ResourceName name={job.subject}>see the request</ResourceName>.
        </p>
      </div>
    </div>
  );
}

function JobFacts({ job }: { job: Job }) {
  const over = isOver(job.state);
  const isLeased = job.state === JobState.RUNNING || job.state === JobState.CANCELLING;
  return (
    <Facts
      facts={[
        ["Request", <RequestOf key="request" job={job} />],
        ["Deployment", <ResourceName key="deployment" name={job.deployment} />],
        ["Caused by", <PrincipalChip key="trigger" name={job.trigger} />],
        ["Queue", sentence(JobQueue[job.queue] ?? "")],
        ["Attempt", job.attempt === 0 ? "Not begun" : `${job.attempt} of ${job.maxAttempts}`],
        job.runner !== "" && ["Runner", <PrincipalChip key="runner" name={job.runner} />],
        isLeased && ["Lease ends", <RelativeTime key="lease" time={job.leaseExpireTime} />],
        ["Enqueued", <RelativeTime key="create" time={job.createTime} />],
        ["Began", <RelativeTime key="start" time={job.startTime} absent="Not begun" />],
        over && ["Ended", <RelativeTime key="end" time={job.endTime} />],
        job.startTime !== undefined && ["Took", <Took key="took" job={job} />],
        job.state === JobState.RETRY_WAIT && ["Tries again", <RelativeTime key="retry" time={job.runAfterTime} />],
        job.log !== undefined && over && ["Log", formatBytes(job.log.bytes)],
      ]}
    />
  );
}

/** The request it works for, by the code that people know. */
function RequestOf({ job }: { job: Job }) {
  return <ResourceName name={job.subject}>{useJobRequest(job)?.code ?? "See the request"}</ResourceName>;
}

function Took({ job }: { job: Job }) {
  const now = useNow(isOver(job.state) ? 60_000 : 1_000);
  const start = millis(job.startTime) ?? now;
  return <span className="tabular-nums">{formatMillis((millis(job.endTime) ?? now) - start)}</span>;
}
