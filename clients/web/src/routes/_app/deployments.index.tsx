import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import {
  compactDeployment,
  DEPLOYMENT_COLUMNS,
  DEPLOYMENT_FIELDS,
  deploymentPlace,
  IN_USE,
  UNDER_WAY,
} from "~/components/deployment/deployment-list";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView, Views } from "~/components/list/list-view";
import { SortField } from "~/components/list/sort-field";
import { useUnitRefusal } from "~/components/list/use-unit-refusal";
import { Page } from "~/components/page";
import { DeploymentService } from "~/gen/flagstone/v1/deployment_service_pb";
import { useEnvironmentOptions } from "~/lib/environment-options";
import { allOf, type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { useMe } from "~/lib/me";
import { idOf } from "~/lib/names";
import { BY_CREATION, readSort, type SortSearch, useSort } from "~/lib/sort";
import { useTemplateOptions } from "~/lib/template-options";
import { useListParent } from "~/lib/unit";
import { buttonClass } from "~/ui/button";

type Values = FilterValues<typeof DEPLOYMENT_FIELDS>;

interface DestroyedSearch {
  /** With what is destroyed. Without it only what is in use is shown, unless states are asked for by name. */
  destroyed?: "shown";
}

/** What the address may say of the filters. */
const KEYS: Record<keyof typeof DEPLOYMENT_FIELDS, true> = {
  q: true,
  state: true,
  tier: true,
  environment: true,
  template: true,
  provider: true,
  owner: true,
  tags: true,
  created: true,
};

export const Route = createFileRoute("/_app/deployments/")({
  validateSearch: (search): Values & SortSearch & DestroyedSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_CREATION, search),
    ...(search.destroyed === "shown" ? { destroyed: "shown" } : {}),
  }),
  component: Deployments,
});

function filterOf(values: Values, withDestroyed: boolean): string {
  return allOf(toFilter(DEPLOYMENT_FIELDS, values), !withDestroyed && !values.state && IN_USE);
}

function useDeploymentCount(parent: string | undefined, filter: string, isWanted: boolean) {
  const input = { parent, filter, pageSize: 1, includeTotal: true };
  const { data } = useQuery(DeploymentService.method.listDeployments, parent && isWanted ? input : skipToken);
  return data?.totalSize;
}

function Deployments() {
  const parent = useListParent();
  const withDestroyed = Route.useSearch().destroyed === "shown";
  const [filters, setFilters, clearFilters] = useFilters(DEPLOYMENT_FIELDS);
  const sorting = useSort(BY_CREATION);
  const me = useMe();
  useLive({ types: ["deployment"], parent });
  const filter = filterOf(filters, withDestroyed);
  const input = parent ? { parent, filter, orderBy: sorting.order, pageSize: PAGE_SIZE, pageToken: "" } : skipToken;
  const query = useInfiniteQuery(DeploymentService.method.listDeployments, input, paged);
  const list = useListed(DeploymentService.method.listDeployments, input, query, (page) => page.deployments);
  const refusal = useUnitRefusal("deployments", "business_unit:deployments:list", parent, list.rows.length === 0);
  const [columns, columnsMenu] = useColumns("deployments", DEPLOYMENT_COLUMNS);
  const environment = useEnvironmentOptions(parent);
  const template = useTemplateOptions();

  const mine = me && idOf(me.name);
  const views: readonly { label: string; owner?: string; state?: string; destroyed?: "shown" }[] = [
    { label: "In use" },
    { label: "Mine", owner: mine },
    { label: "Under way", state: UNDER_WAY },
    { label: "Failed", state: "FAILED,DELETE_FAILED" },
    { label: "Destroyed", state: "DELETED" },
    { label: "All", destroyed: "shown" },
  ];
  // The counts come after the rows: the rows are what the page is for.
  const isThere = !list.isLoading;
  const counted = useDeploymentCount(parent, filter, isThere && list.more.has);
  const counts = [
    useDeploymentCount(parent, filterOf({}, false), isThere),
    useDeploymentCount(parent, filterOf({ owner: mine }, false), isThere && mine !== undefined),
    useDeploymentCount(parent, filterOf({ state: views[2]?.state }, false), isThere),
    useDeploymentCount(parent, filterOf({ state: views[3]?.state }, false), isThere),
    useDeploymentCount(parent, filterOf({ state: views[4]?.state }, false), isThere),
    useDeploymentCount(parent, filterOf({}, true), isThere),
  ];
  return (
    <Page
      title="Deployments"
      actions={
        <Link to="/templates" className={buttonClass("primary")}>
          Order from a template
        </Link>
      }
    >
      <Views
        views={views.map(({ label, owner, state, destroyed }, index) => ({
          label,
          search: { owner, state, destroyed },
          count: counts[index],
          isChosen: filters.owner === owner && filters.state === state && withDestroyed === (destroyed === "shown"),
        }))}
      />
      <FilterBar
        fields={DEPLOYMENT_FIELDS}
        values={filters}
        onChange={setFilters}
        options={{ environment, template }}
      />
      <ListView
        label="Deployments"
        noun="deployments"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={withDestroyed || filters.state ? counts[5] : counts[0]}
        isFiltered={isFiltered(filters)}
        onClear={clearFilters}
        columns={columns}
        compact={compactDeployment}
        rowKey={({ name }) => name}
        place={deploymentPlace}
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
            Nothing is deployed here. What you order from a template appears here and stays until it is destroyed.
          </EmptyState>
        }
      />
    </Page>
  );
}
