import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView, Views } from "~/components/list/list-view";
import { SortField } from "~/components/list/sort-field";
import { useUnitRefusal } from "~/components/list/use-unit-refusal";
import { Page } from "~/components/page";
import { compactRequest, REQUEST_COLUMNS, REQUEST_FIELDS, requestPlace } from "~/components/request/request-list";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { useEnvironmentOptions } from "~/lib/environment-options";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { useMe } from "~/lib/me";
import { idOf } from "~/lib/names";
import { BY_CREATION, readSort, type SortSearch, useSort } from "~/lib/sort";
import { useListParent } from "~/lib/unit";
import { buttonClass } from "~/ui/button";

/** What the address may say of the filters. */
const KEYS: Record<keyof typeof REQUEST_FIELDS, true> = {
  q: true,
  state: true,
  tier: true,
  kind: true,
  environment: true,
  requester: true,
  created: true,
};

export const Route = createFileRoute("/_app/requests/")({
  validateSearch: (search): FilterValues<typeof REQUEST_FIELDS> & SortSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_CREATION, search),
  }),
  component: Requests,
});

/** What people ask of the list every day. Each view sets state and requester; other filters stay. */
const VIEWS: readonly { label: string; state?: string; isMine?: boolean }[] = [
  { label: "All" },
  { label: "Mine", isMine: true },
  { label: "Need approval", state: "PENDING_APPROVAL" },
  { label: "Under way", state: "PLANNING,APPROVED,APPLYING" },
  { label: "Failed", state: "FAILED" },
  { label: "Drafts", state: "DRAFT" },
];

function useRequestCount(parent: string | undefined, values: FilterValues<typeof REQUEST_FIELDS>, isWanted: boolean) {
  const input = { parent, filter: toFilter(REQUEST_FIELDS, values), pageSize: 1, includeTotal: true };
  const { data } = useQuery(RequestService.method.listRequests, parent && isWanted ? input : skipToken);
  return data?.totalSize;
}

function Requests() {
  const parent = useListParent();
  const [filters, setFilters, clearFilters] = useFilters(REQUEST_FIELDS);
  const sorting = useSort(BY_CREATION);
  const me = useMe();
  useLive({ types: ["request"], parent });
  const input = parent
    ? { parent, filter: toFilter(REQUEST_FIELDS, filters), orderBy: sorting.order, pageSize: PAGE_SIZE, pageToken: "" }
    : skipToken;
  const query = useInfiniteQuery(RequestService.method.listRequests, input, paged);
  const list = useListed(RequestService.method.listRequests, input, query, (page) => page.requests);
  const refusal = useUnitRefusal("requests", "business_unit:requests:list", parent, list.rows.length === 0);
  const [columns, columnsMenu] = useColumns("requests", REQUEST_COLUMNS);
  const environments = useEnvironmentOptions(parent);

  // The counts come after the rows: the rows are what the page is for.
  const isThere = !list.isLoading;
  const counted = useRequestCount(parent, filters, isThere && list.more.has);
  const mine = me ? idOf(me.name) : undefined;
  const valuesOf = (view: (typeof VIEWS)[number]) => ({ state: view.state, requester: view.isMine ? mine : undefined });
  const counts = [
    useRequestCount(parent, {}, isThere),
    useRequestCount(parent, { requester: mine }, isThere && mine !== undefined),
    useRequestCount(parent, { state: "PENDING_APPROVAL" }, isThere),
    useRequestCount(parent, { state: "PLANNING,APPROVED,APPLYING" }, isThere),
    useRequestCount(parent, { state: "FAILED" }, isThere),
    useRequestCount(parent, { state: "DRAFT" }, isThere),
  ];
  return (
    <Page
      title="Requests"
      actions={
        <Link to="/templates" className={buttonClass("primary")}>
          Order from a template
        </Link>
      }
    >
      <Views
        views={VIEWS.map((view, index) => ({
          label: view.label,
          search: valuesOf(view),
          count: counts[index],
          isChosen: filters.state === view.state && filters.requester === valuesOf(view).requester,
        }))}
      />
      <FilterBar
        fields={REQUEST_FIELDS}
        values={filters}
        onChange={setFilters}
        options={{ environment: environments }}
      />
      <ListView
        label="Requests"
        noun="requests"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={counts[0]}
        isFiltered={isFiltered(filters)}
        onClear={clearFilters}
        columns={columns}
        compact={compactRequest}
        rowKey={({ name }) => name}
        place={requestPlace}
        sorting={sorting}
        refusal={refusal}
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
            command="flagstone request create --template config-bundle --environment development"
          >
            Nobody has requested anything here yet. A request orders, changes or destroys a deployment.
          </EmptyState>
        }
      />
    </Page>
  );
}
