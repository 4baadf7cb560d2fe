import { createFileRoute } from "@tanstack/react-router";
import { CollectionPage } from "~/components/list/collection-page";
import { CreateTeam } from "~/components/team/team-form";
import { compactTeam, TEAM_COLUMNS, TEAM_FIELDS } from "~/components/team/team-list";
import { TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { type FilterValues, readTexts } from "~/lib/filter";

const KEYS: Record<keyof typeof TEAM_FIELDS, true> = { q: true, member: true };

export const Route = createFileRoute("/_app/admin/teams/")({
  validateSearch: (search): FilterValues<typeof TEAM_FIELDS> => readTexts(KEYS, search),
  component: Teams,
});

function Teams() {
  return (
    <CollectionPage
      title="Teams"
      lead="Who owns things together. Roles that are restricted to own teams cover what the team owns."
      types={["team"]}
      creation={{ what: "a team", permission: "platform:teams:create", dialog: CreateTeam }}
      noun="teams"
      method={TeamService.method.listTeams}
      rowsOf={(page) => page.teams}
      fields={TEAM_FIELDS}
      columns={TEAM_COLUMNS}
      compact={compactTeam}
      empty="There is no team yet. With one, several people own deployments together."
      command="flagstone teams list"
    />
  );
}
