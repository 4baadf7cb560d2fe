import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { COUNTED, DeploymentCount } from "~/components/deployment/deployment-counts";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import type { Column } from "~/components/list/data-table";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { Page } from "~/components/page";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { type Environment, EnvironmentService } from "~/gen/flagstone/v1/environment_service_pb";
import { type FilterFields, type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { TIER_OPTIONS } from "~/lib/filter-options";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { idOf, routeOf, unitOf } from "~/lib/names";
import { useListParent } from "~/lib/unit";

const FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  tier: { kind: "choice", label: "Tier", field: "tier", options: TIER_OPTIONS },
} as const satisfies FilterFields;

/** What the address may say of the filters. */
const KEYS: Record<keyof typeof FIELDS, true> = { q: true, tier: true };

export const Route = createFileRoute("/_app/environments")({
  validateSearch: (search): FilterValues<typeof FIELDS> => readTexts(KEYS, search),
  component: Environments,
});

const title = ({ name, displayName }: Environment) => (
  <ResourceName name={name}>
    <span dir="auto">{displayName || idOf(name)}</span>
  </ResourceName>
);

const COLUMNS: readonly Column<Environment>[] = [
  { id: "name", header: "Name", cell: title },
  { id: "tier", header: "Tier", width: "116px", cell: ({ tier }) => <TierBadge tier={tier} /> },
  { id: "rank", header: "Rank", width: "64px", from: "lg", align: "end", cell: ({ rank }) => rank },
  { id: "unit", header: "Business unit", width: "14%", from: "md", cell: ({ name }) => unitOf(name) },
  {
    id: "region",
    header: "Region",
    width: "14%",
    from: "lg",
    cell: ({ region }) => region || <span className="text-muted">Of the runner</span>,
  },
  {
    id: "state",
    header: "State",
    width: "104px",
    cell: ({ state }) => <StateBadge kind="environment" state={state} />,
  },
  ...COUNTED.map(
    (counted): Column<Environment> => ({
      id: counted.id,
      header: counted.label,
      width: "88px",
      align: "end",
      cell: ({ name }) => <DeploymentCount environment={name} counted={counted} />,
    }),
  ),
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "xl",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

function compact(environment: Environment) {
  return {
    first: (
      <>
        {title(environment)}
        <TierBadge tier={environment.tier} />
      </>
    ),
    second: COUNTED.map((counted) => (
      <span key={counted.id}>
        {counted.label} <DeploymentCount environment={environment.name} counted={counted} />
      </span>
    )),
  };
}

function useEnvironmentCount(parent: string | undefined, filter: string, isWanted: boolean) {
  const input = { parent, filter, pageSize: 1, includeTotal: true };
  return useQuery(EnvironmentService.method.listEnvironments, parent && isWanted ? input : skipToken).data?.totalSize;
}

function Environments() {
  const parent = useListParent();
  const [filters, setFilters, clearFilters] = useFilters(FIELDS);
  useLive({ types: ["environment", "deployment"], parent });
  const filter = toFilter(FIELDS, filters);
  // By rank: the tiers stand together, from lower to higher.
  const input = parent ? { parent, filter, orderBy: "rank", pageSize: PAGE_SIZE, pageToken: "" } : skipToken;
  const query = useInfiniteQuery(EnvironmentService.method.listEnvironments, input, paged);
  const list = useListed(EnvironmentService.method.listEnvironments, input, query, (page) => page.environments);
  const [columns, columnsMenu] = useColumns("environments", COLUMNS);
  const isThere = !list.isLoading;
  const counted = useEnvironmentCount(parent, filter, isThere && list.more.has);
  const base = useEnvironmentCount(parent, "", isThere);
  return (
    <Page
      title="Environments"
      lead="Where deployments run, from the lowest rank to the highest, with how many each has."
    >
      <FilterBar fields={FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Environments"
        noun="environments"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clearFilters}
        columns={columns}
        compact={compact}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        controls={columnsMenu}
        empty={
          <EmptyState command="flagstone environments list">
            There is no environment here. Whoever runs this Flagstone sets them up for a business unit; nothing can be
            ordered before.
          </EmptyState>
        }
      />
    </Page>
  );
}
