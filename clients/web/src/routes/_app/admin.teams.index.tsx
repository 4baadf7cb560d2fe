import { useInfiniteQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { useTotal } from "~/components/list/use-total";
import { Page } from "~/components/page";
import { CreateTeam } from "~/components/team/team-form";
import { compactTeam, TEAM_COLUMNS, TEAM_FIELDS } from "~/components/team/team-list";
import { TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";

const KEYS: Record<keyof typeof TEAM_FIELDS, true> = { q: true, member: true };

export const Route = createFileRoute("/_app/admin/teams/")({
  validateSearch: (search): FilterValues<typeof TEAM_FIELDS> => readTexts(KEYS, search),
  component: Teams,
});

const CREATE = "platform:teams:create";

function Teams() {
  const navigate = Route.useNavigate();
  const [isCreating, setIsCreating] = useState(false);
  const [filters, setFilters, clear] = useFilters(TEAM_FIELDS);
  useLive({ types: ["team"] });
  const filter = toFilter(TEAM_FIELDS, filters);
  const method = TeamService.method.listTeams;
  const input = { filter, pageSize: PAGE_SIZE, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.teams);
  const counted = useTotal(method, list.more.has ? { filter, pageSize: 1, includeTotal: true } : skipToken);
  // A list that is refused is not asked for again.
  const isThere = !list.isLoading && list.error == null;
  const base = useTotal(method, isThere ? { pageSize: 1, includeTotal: true } : skipToken);
  const [columns, columnsMenu] = useColumns("teams", TEAM_COLUMNS);
  const reason = useChecks([{ permission: CREATE, object: "" }]).reason(CREATE, "");
  const create = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={() => setIsCreating(true)}
    >
      Create team
    </Button>
  );
  return (
    <Page
      title="Teams"
      lead="Who owns things together. Roles that are restricted to own teams cover what the team owns."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          {create}
          {reason && <WhyNot permission={CREATE} object="" action="create a team" />}
        </>
      }
    >
      <FilterBar fields={TEAM_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Teams"
        noun="teams"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compactTeam}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        controls={columnsMenu}
        empty={
          <EmptyState action={create} command="flagstone teams list">
            There is no team yet. With one, several people own deployments together.
          </EmptyState>
        }
      />
      {isCreating && (
        <CreateTeam
          onClose={() => setIsCreating(false)}
          onDone={(name) => {
            const place = routeOf(name);
            if (place) void navigate({ ...place, search: {} });
          }}
        />
      )}
    </Page>
  );
}
