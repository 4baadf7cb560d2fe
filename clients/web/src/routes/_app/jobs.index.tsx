import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { EmptyState } from "~/components/empty-state";
import { compactJob, JOB_COLUMNS, JOB_FIELDS, jobPlace } from "~/components/job/job-list";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView, Views } from "~/components/list/list-view";
import { SortField } from "~/components/list/sort-field";
import { Page } from "~/components/page";
import { JobService } from "~/gen/flagstone/v1/job_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { BY_CREATION, readSort, type SortSearch, useSort } from "~/lib/sort";
import { buttonClass } from "~/ui/button";

/** What the address may say of the filters. */
const KEYS: Record<keyof typeof JOB_FIELDS, true> = {
  state: true,
  kind: true,
  queue: true,
  subject: true,
  trigger: true,
  created: true,
};

export const Route = createFileRoute("/_app/jobs/")({
  validateSearch: (search): FilterValues<typeof JOB_FIELDS> & SortSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_CREATION, search),
  }),
  component: Jobs,
});

const VIEWS: readonly { label: string; state?: string }[] = [
  { label: "All" },
  { label: "Waiting", state: "QUEUED,RETRY_WAIT" },
  { label: "Running", state: "RUNNING,CANCELLING" },
  { label: "Failed", state: "FAILED,DEAD_LETTERED" },
];

function useJobCount(values: FilterValues<typeof JOB_FIELDS>, isWanted: boolean) {
  const input = { filter: toFilter(JOB_FIELDS, values), pageSize: 1, includeTotal: true };
  return useQuery(JobService.method.listJobs, isWanted ? input : skipToken).data?.totalSize;
}

function Jobs() {
  const [filters, setFilters, clearFilters] = useFilters(JOB_FIELDS);
  const sorting = useSort(BY_CREATION);
  useLive({ types: ["job"] });
  const input = {
    filter: toFilter(JOB_FIELDS, filters),
    orderBy: sorting.order,
    pageSize: PAGE_SIZE,
    pageToken: "",
  };
  const query = useInfiniteQuery(JobService.method.listJobs, input, paged);
  const list = useListed(JobService.method.listJobs, input, query, (page) => page.jobs);
  const [columns, columnsMenu] = useColumns("jobs", JOB_COLUMNS);
  const isThere = !list.isLoading;
  const counted = useJobCount(filters, isThere && list.more.has);
  const counts = [
    useJobCount({}, isThere),
    useJobCount({ state: "QUEUED,RETRY_WAIT" }, isThere),
    useJobCount({ state: "RUNNING,CANCELLING" }, isThere),
    useJobCount({ state: "FAILED,DEAD_LETTERED" }, isThere),
  ];
  return (
    <Page
      title="Jobs"
      // ListJobs knows no business unit: the switcher in the header would promise what is not so.
      lead="The jobs of all business units whose jobs you may list, whichever unit is chosen above."
    >
      <Views
        views={VIEWS.map(({ label, state }, index) => ({
          label,
          search: { state },
          count: counts[index],
          isChosen: filters.state === state,
        }))}
      />
      <FilterBar fields={JOB_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Jobs"
        noun="jobs"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={counts[0]}
        isFiltered={isFiltered(filters)}
        onClear={clearFilters}
        columns={columns}
        compact={compactJob}
        rowKey={({ name }) => name}
        place={jobPlace}
        sorting={sorting}
        controls={
          <>
            <SortField sorting={sorting} orders={BY_CREATION} />
            {columnsMenu}
          </>
        }
        empty={
          <EmptyState
            action={
              <Link to="/templates" className={buttonClass("primary")}>
                Choose a template
              </Link>
            }
            command="flagstone jobs list"
          >
            No job has run yet. Every request starts one that plans it, and once it is approved one that applies the
            plan.
          </EmptyState>
        }
      />
    </Page>
  );
}
