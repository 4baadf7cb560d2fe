import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { EmptyState } from "~/components/empty-state";
import { useTotal } from "~/components/list/use-total";
import { Page, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { ResourceName } from "~/components/resource-name";
import { administrationPlaces } from "~/components/shell/places";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { InvitationService } from "~/gen/flagstone/v1/invitation_service_pb";
import { TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { type RoleCount, UserService, type UserStats } from "~/gen/flagstone/v1/user_service_pb";
import { count, formatNumber } from "~/lib/format";
import { usePermissions } from "~/lib/me";

export const Route = createFileRoute("/_app/admin/")({ component: Administration });

const STATS = "platform:users:stats";
const INVITATIONS = "platform:invitations:manage";
const ONE = { pageSize: 1, includeTotal: true };

function Administration() {
  const { holds, known } = usePermissions();
  useLive({ types: ["user", "group", "team", "role", "role_binding", "business_unit", "invitation"] });
  const places = administrationPlaces(holds).filter(({ to }) => to !== "/admin");
  return (
    <Page title="Administration" lead="Who works here, what they may do, and what happened.">
      {holds(STATS) && <Counts />}
      {known && places.length === 0 ? (
        <EmptyState>
          Nothing here is yours to administer. A platform administrator can give you a role for it.
        </EmptyState>
      ) : (
        <Section title="What there is to administer">
          <ul aria-label="Administration" className="grid gap-x-8 sm:grid-cols-2 xl:grid-cols-3">
            {places.map(({ to, label, icon: Icon, about }) => (
              <li key={to} className="border-line border-b">
                <Link to={to} className="flex items-start gap-3 rounded-sm py-2 hover:bg-hover">
                  <Icon aria-hidden className="mt-0.5 size-4 shrink-0 text-muted" />
                  <span className="min-w-0">
                    <span className="block font-medium">{label}</span>
                    <span className="block text-muted text-sm">{about}</span>
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </Page>
  );
}

function Counts() {
  const query = useQuery(UserService.method.getUserStats, {});
  const { holds } = usePermissions();
  const units = useTotal(BusinessUnitService.method.listBusinessUnits, ONE);
  const teams = useTotal(TeamService.method.listTeams, ONE);
  const invitations = useTotal(
    InvitationService.method.listInvitations,
    holds(INVITATIONS) ? { ...ONE, filter: "state = PENDING" } : skipToken,
  );
  return (
    <QueryView query={query} title="The numbers could not be read" lines={3}>
      {(stats) => (
        <>
          <Numbers stats={stats} units={units} teams={teams} invitations={invitations} />
          <Distribution roles={stats.roleDistribution} active={stats.total} />
        </>
      )}
    </QueryView>
  );
}

interface NumbersProps {
  stats: UserStats;
  units: number | undefined;
  teams: number | undefined;
  invitations: number | undefined;
}

function Numbers({ stats: { active, inactive, groups, roles }, units, teams, invitations }: NumbersProps) {
  const all = [
    { label: "Active users", number: active, to: "/admin/users", search: { active: "true" } },
    { label: "Inactive users", number: inactive, to: "/admin/users", search: { active: "false" } },
    { label: "Open invitations", number: invitations, to: "/admin/users", search: { tab: "invitations" as const } },
    { label: "Groups", number: groups, to: "/admin/groups" },
    { label: "Roles", number: roles, to: "/admin/roles" },
    { label: "Business units", number: units, to: "/admin/business-units" },
    { label: "Teams", number: teams, to: "/admin/teams" },
  ];
  return (
    <ul aria-label="Numbers" className="grid grid-cols-2 border-line border-y sm:grid-cols-4 xl:grid-cols-7">
      {all.map(({ label, number, to, search }) => (
        <li key={label}>
          <Link to={to} search={search ?? {}} className="block rounded-sm px-2 py-3 hover:bg-hover">
            <span className="block font-semibold text-xl tabular-nums">
              {/* The room of the number is kept until it comes. */}
              {number === undefined ? " " : formatNumber(number)}
            </span>
            <span className="block text-muted text-sm">{label}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** How many people hold each role, the most first. */
function Distribution({ roles, active }: { roles: readonly RoleCount[]; active: number }) {
  return (
    <Section title="Who holds what">
      {roles.length === 0 ? (
        <EmptyState>Nobody holds a role yet.</EmptyState>
      ) : (
        <ul aria-label="People by role" className="border-line border-t">
          {roles.map(({ role, displayName, users }) => (
            <li
              key={role}
              className="grid min-h-9 grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 border-line border-b py-1 sm:grid-cols-[minmax(0,240px)_minmax(0,1fr)_auto]"
            >
              <ResourceName name={role}>
                <span dir="auto">{displayName}</span>
              </ResourceName>
              <span aria-hidden className="hidden h-2 rounded-sm bg-sunken sm:block">
                <span
                  className="block h-full rounded-sm bg-accent"
                  style={{ width: `${Math.min(100, (users / Math.max(active, 1)) * 100)}%` }}
                />
              </span>
              <Link
                to="/admin/users"
                search={{ role }}
                className="text-right text-accent-strong tabular-nums hover:underline sm:min-w-20"
              >
                {count(users, "person", "people")}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
