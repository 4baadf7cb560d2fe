import { createClient } from "@connectrpc/connect";
import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { transport } from "~/api/client";
import { useLive } from "~/api/live";
import { refreshObjects } from "~/api/queries";
import { EmptyState } from "~/components/empty-state";
import { compactJob, JOB_COLUMNS, JOB_FIELDS, jobPlace, jobTitle, WAITING } from "~/components/job/job-list";
import { BulkAction } from "~/components/list/bulk-action";
import { useColumns } from "~/components/list/columns-menu";
import type { Column } from "~/components/list/data-table";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView, Views } from "~/components/list/list-view";
import { SortField } from "~/components/list/sort-field";
import { Page } from "~/components/page";
import { ErrorClass, type Job, JobKind, JobService, JobState } from "~/gen/flagstone/v1/job_service_pb";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { count, sentence } from "~/lib/format";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { type Permissions, useMe, usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";
import { BY_CREATION, readSort, type SortSearch, useSort } from "~/lib/sort";
import { Button } from "~/ui/button";

/** What the address may say of the filters. */
const KEYS: Record<keyof typeof JOB_FIELDS, true> = {
  state: true,
  kind: true,
  queue: true,
  subject: true,
  trigger: true,
  created: true,
};

export const Route = createFileRoute("/_app/admin/jobs")({
  validateSearch: (search): FilterValues<typeof JOB_FIELDS> & SortSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_CREATION, search),
  }),
  component: AdminJobs,
});

const FAILED = "FAILED,DEAD_LETTERED";
const VIEWS: readonly { label: string; state?: string }[] = [
  { label: "All failed" },
  { label: "Failed", state: "FAILED" },
  { label: "Dead letters", state: "DEAD_LETTERED" },
  { label: "Waiting", state: "QUEUED,RETRY_WAIT" },
  { label: "Running", state: "RUNNING,CANCELLING" },
];

/** More than this is no longer looked at before it is done. */
const MOST_AT_ONCE = 50;

const why: Column<Job> = {
  id: "why",
  header: "Why",
  from: "md",
  cell: ({ error }) =>
    error && (
      <span title={`${error.message}\n${error.suggestion}`}>
        <span className="font-medium">{sentence(ErrorClass[error.errorClass] ?? "")}</span>{" "}
        <span className="text-muted">{error.message}</span>
      </span>
    ),
};

const COLUMNS: readonly Column<Job>[] = [
  ...JOB_COLUMNS.slice(0, 3),
  why,
  ...JOB_COLUMNS.slice(3).filter(({ id }) => id !== "runner" && id !== "duration"),
];

function compact(job: Job) {
  const { first, second } = compactJob(job);
  return { first, second: job.error ? <span className="truncate">{why.cell(job)}</span> : second };
}

const jobs = createClient(JobService, transport);
const requests = createClient(RequestService, transport);

function useJobCount(state: string, isWanted: boolean) {
  const input = { filter: toFilter(JOB_FIELDS, { state }), pageSize: 1, includeTotal: true };
  return useQuery(JobService.method.listJobs, isWanted ? input : skipToken).data?.totalSize;
}

type Action = "cancel" | "retry" | "replay" | "delete";

const DELETE = "platform:jobs:delete";

/** What can be done with a job that is chosen here. */
function actionsOf({ state, kind }: Job): readonly Action[] {
  if (WAITING.includes(state)) return ["cancel"];
  if (state === JobState.DEAD_LETTERED) return kind === JobKind.PLAN ? ["replay", "delete"] : ["retry", "delete"];
  if (state === JobState.FAILED) return ["retry", "delete"];
  return state === JobState.SUCCEEDED || state === JobState.CANCELLED ? ["delete"] : [];
}

/** Why a job cannot be chosen. */
function reasonOf(job: Job, permissions: Permissions, me: string | undefined): string | undefined {
  const actions = actionsOf(job);
  if (actions.length === 0) return "A job that runs can only be cancelled on its own page.";
  const reasons = actions.map((action) => missingFor(action, job, permissions, me));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

/** Why an action is not the caller's for a job. */
function missingFor(action: Action, job: Job, { missing, holds }: Permissions, me: string | undefined) {
  const unit = job.businessUnit;
  switch (action) {
    case "cancel":
      return job.trigger === me && holds("user:jobs:cancel:own")
        ? undefined
        : missing("business_unit:jobs:cancel", unit);
    case "replay":
      return job.trigger === me && holds("user:jobs:replay:own")
        ? undefined
        : missing("business_unit:jobs:replay", unit);
    case "retry":
      return missing("business_unit:deployments:retry", unit);
    case "delete":
      return missing(DELETE);
  }
}

function AdminJobs() {
  const [filters, setFilters, clearFilters] = useFilters(JOB_FIELDS);
  const sorting = useSort(BY_CREATION);
  const permissions = usePermissions();
  const me = useMe()?.name;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [action, setAction] = useState<Action>();
  useLive({ types: ["job"] });
  const shownFilter = toFilter(JOB_FIELDS, { ...filters, state: filters.state ?? FAILED });
  const input = { filter: shownFilter, orderBy: sorting.order, pageSize: PAGE_SIZE, pageToken: "" };
  const query = useInfiniteQuery(JobService.method.listJobs, input, paged);
  const list = useListed(JobService.method.listJobs, input, query, (page) => page.jobs);
  const [columns, columnsMenu] = useColumns("admin-jobs", COLUMNS);

  const isThere = !list.isLoading;
  const counts = [
    useJobCount(FAILED, isThere),
    useJobCount("FAILED", isThere),
    useJobCount("DEAD_LETTERED", isThere),
    useJobCount("QUEUED,RETRY_WAIT", isThere),
    useJobCount("RUNNING,CANCELLING", isThere),
  ];
  const countInput = { filter: shownFilter, pageSize: 1, includeTotal: true };
  const counted = useQuery(JobService.method.listJobs, list.more.has ? countInput : skipToken).data?.totalSize;

  const isChosen = (job: Job, wanted: Action) =>
    chosen.has(job.name) && actionsOf(job).includes(wanted) && !missingFor(wanted, job, permissions, me);
  const toReplay = list.rows.filter((job) => isChosen(job, "replay"));
  const toDelete = list.rows.filter((job) => isChosen(job, "delete"));
  const toCancel = list.rows.filter((job) => isChosen(job, "cancel"));
  // A request has several jobs, and is tried again once.
  const toRetry = [
    ...new Map(list.rows.filter((job) => isChosen(job, "retry")).map((job) => [job.subject, job])).values(),
  ];
  const tooMany = (items: readonly Job[]) =>
    items.length > MOST_AT_ONCE && `Choose at most ${MOST_AT_ONCE}: what happens to each is shown before.`;
  const close = () => {
    setAction(undefined);
    setChosen(new Set());
    refreshObjects(["job", "request"]);
  };
  const { state, ...others } = filters;
  return (
    <Page
      title="Failed jobs"
      lead="Jobs that need somebody: failed ones and dead letters of all business units whose jobs you may list. A request is tried again with a fresh plan, never by repeating an apply."
    >
      <Views
        views={VIEWS.map((view, index) => ({
          label: view.label,
          search: { state: view.state },
          count: counts[index],
          isChosen: state === view.state,
        }))}
      />
      <FilterBar fields={JOB_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Jobs"
        noun="jobs"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={counts[VIEWS.findIndex((view) => view.state === state)]}
        isFiltered={isFiltered(others)}
        onClear={clearFilters}
        columns={columns}
        compact={compact}
        rowKey={({ name }) => name}
        place={jobPlace}
        sorting={sorting}
        selection={{
          keys: chosen,
          onChange: setChosen,
          nameOf: (job) => `${jobTitle(job)} ${idOf(job.deployment)}`,
          reason: (job) => reasonOf(job, permissions, me),
        }}
        controls={
          <>
            {toCancel.length > 0 && (
              <Button size="sm" variant="danger" reason={tooMany(toCancel)} onClick={() => setAction("cancel")}>
                Cancel {count(toCancel.length, "job")}
              </Button>
            )}
            {toRetry.length > 0 && (
              <Button size="sm" variant="primary" reason={tooMany(toRetry)} onClick={() => setAction("retry")}>
                Retry {count(toRetry.length, "request")}
              </Button>
            )}
            {toReplay.length > 0 && (
              <Button size="sm" variant="primary" reason={tooMany(toReplay)} onClick={() => setAction("replay")}>
                Replay {count(toReplay.length, "job")}
              </Button>
            )}
            {toDelete.length > 0 && (
              <Button size="sm" variant="danger" reason={tooMany(toDelete)} onClick={() => setAction("delete")}>
                Delete {count(toDelete.length, "job")}
              </Button>
            )}
            <SortField sorting={sorting} orders={BY_CREATION} />
            {columnsMenu}
          </>
        }
        empty={<EmptyState command="flagstone jobs list">{emptyText(state)}</EmptyState>}
      />
      {action === "cancel" && (
        <BulkAction
          title={`Cancel ${count(toCancel.length, "job")}`}
          description="A waiting job ends at once. Nothing that is deployed changes."
          verb={(number) => `Cancel ${count(number, "job")}`}
          danger
          items={toCancel}
          keyOf={({ name }) => name}
          labelOf={(job) => `${jobTitle(job)} ${idOf(job.deployment)}`}
          call={async ({ name, etag }, requestId, validateOnly) =>
            (await jobs.cancelJob({ name, etag, requestId, validateOnly })).effects
          }
          onClose={close}
        />
      )}
      {action === "replay" && (
        <BulkAction
          title={`Replay ${count(toReplay.length, "job")}`}
          description="Each goes back into the line with all of its attempts, and its request waits for it again."
          verb={(number) => `Replay ${count(number, "job")}`}
          items={toReplay}
          keyOf={({ name }) => name}
          labelOf={(job) => `${jobTitle(job)} ${idOf(job.deployment)}`}
          call={async ({ name, etag }, requestId, validateOnly) =>
            (await jobs.replayJob({ name, etag, requestId, validateOnly })).effects
          }
          onClose={close}
        />
      )}
      {action === "delete" && (
        <BulkAction
          title={`Delete ${count(toDelete.length, "job")}`}
          description="Each goes for good, with its log. What it made stays: plans, revisions and states."
          verb={(number) => `Delete ${count(number, "job")}`}
          danger
          items={toDelete}
          keyOf={({ name }) => name}
          labelOf={(job) => `${jobTitle(job)} ${idOf(job.deployment)}`}
          call={async ({ name, etag }, requestId, validateOnly) =>
            (await jobs.deleteJob({ name, etag, requestId, validateOnly })).effects
          }
          onClose={close}
        />
      )}
      {action === "retry" && (
        <BulkAction
          title={`Retry ${count(toRetry.length, "request")}`}
          description="Each failed request gets a fresh plan, and is decided again where its policy asks for it."
          verb={(number) => `Retry ${count(number, "request")}`}
          items={toRetry}
          keyOf={({ subject }) => subject}
          labelOf={(job) => `Request for ${idOf(job.deployment)}`}
          call={async ({ subject }, requestId, validateOnly) =>
            (await requests.retryRequest({ name: subject, requestId, validateOnly })).effects
          }
          onClose={close}
        />
      )}
    </Page>
  );
}

function emptyText(state: string | undefined): string {
  if (state === undefined) return "No job has failed. Failed jobs and dead letters appear here, with why they failed.";
  const view = VIEWS.find((one) => one.state === state);
  if (view?.label === "Waiting") return "No job waits for a runner.";
  if (view?.label === "Running") return "No job runs now.";
  return "No job is in these states.";
}
