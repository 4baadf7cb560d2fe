// Where somebody belongs: groups, teams, business units.

import { Building2, type LucideIcon, UsersRound } from "lucide-react";
import { useState } from "react";
import { useChecks } from "~/components/access/use-checks";
import { AddBusinessUnitMember } from "~/components/business-unit/add-member";
import { EmptyState } from "~/components/empty-state";
import { AddToGroup } from "~/components/group/add-member";
import { Section } from "~/components/page";
import { ResourceName } from "~/components/resource-name";
import { RiskyButton } from "~/components/risky-button";
import { AddToTeam } from "~/components/team/add-member";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { TeamService } from "~/gen/flagstone/v1/team_service_pb";
import type { User } from "~/gen/flagstone/v1/user_service_pb";
import { idOf, unitOf } from "~/lib/names";
import { Button } from "~/ui/button";

const TEAMS = "platform:teams:manage_members";
const GROUPS = "platform:groups:manage_members";
const UNIT_GROUPS = "business_unit:groups:manage_members";
const UNIT_MEMBERS = "business_unit:business_units:manage_members";

export function Belongings({ user }: { user: User }) {
  const [adding, setAdding] = useState<"group" | "team" | "unit">();
  const { name, fullName, username, email, groups, teams, memberships } = user;
  const who = fullName || username;
  const checks = useChecks([
    { permission: TEAMS, object: "" },
    { permission: GROUPS, object: "" },
    { permission: UNIT_GROUPS, object: "businessUnits/-" },
    { permission: UNIT_MEMBERS, object: "businessUnits/-" },
    ...memberships.map(({ businessUnit }) => ({ permission: UNIT_MEMBERS, object: businessUnit })),
    ...groups.map((group) => ({ permission: unitOf(group) ? UNIT_GROUPS : GROUPS, object: group })),
  ]);
  const done = () => setAdding(undefined);
  // Whoever manages the groups of the organization manages those of its units, too.
  const ofGroup = (group: string) =>
    checks.may(GROUPS, "") ? undefined : checks.reason(unitOf(group) ? UNIT_GROUPS : GROUPS, group);
  return (
    <div className="flex flex-col gap-6">
      <Section
        title="Business units"
        actions={
          <Button size="sm" reason={checks.reason(UNIT_MEMBERS, "businessUnits/-")} onClick={() => setAdding("unit")}>
            Add to business unit
          </Button>
        }
      >
        {memberships.length === 0 ? (
          <EmptyState>{who} is a member of no business unit.</EmptyState>
        ) : (
          <ul aria-label="Business units" className="border-line border-t">
            {memberships.map(({ businessUnit, role }) => (
              <Item key={businessUnit} icon={Building2} name={businessUnit} detail={<>as {idOf(role)}</>}>
                <RiskyButton
                  size="sm"
                  label={`Remove from business unit ${idOf(businessUnit)}`}
                  reason={checks.reason(UNIT_MEMBERS, businessUnit)}
                  title={`Remove ${who} from ${idOf(businessUnit)}?`}
                  description="Also from the groups of the unit. What the person made there stays."
                  action="Remove member"
                  busy="Removing"
                  method={BusinessUnitService.method.removeBusinessUnitMember}
                  call={(ids) => ({ name: `${businessUnit}/members/${idOf(name)}`, ...ids })}
                  refreshes={["business_unit_member", "group"]}
                >
                  Remove
                </RiskyButton>
              </Item>
            ))}
          </ul>
        )}
      </Section>
      <Section
        title="Groups"
        actions={
          <Button
            size="sm"
            reason={checks.may(UNIT_GROUPS, "businessUnits/-") ? undefined : checks.reason(GROUPS, "")}
            onClick={() => setAdding("group")}
          >
            Add to group
          </Button>
        }
      >
        {groups.length === 0 ? (
          <EmptyState>{who} is in no group.</EmptyState>
        ) : (
          <ul aria-label="Groups" className="border-line border-t">
            {groups.map((group) => (
              <Item key={group} icon={UsersRound} name={group} detail={unitOf(group)}>
                <RiskyButton
                  size="sm"
                  label={`Remove from group ${idOf(group)}`}
                  reason={ofGroup(group)}
                  title={`Remove ${who} from ${idOf(group)}?`}
                  description="What the group gave ends at once."
                  action="Remove member"
                  busy="Removing"
                  method={GroupService.method.removeGroupMember}
                  call={(ids) => ({ name: group, user: name, ...ids })}
                  refreshes={["group"]}
                >
                  Remove
                </RiskyButton>
              </Item>
            ))}
          </ul>
        )}
      </Section>
      <Section
        title="Teams"
        actions={
          <Button size="sm" reason={checks.reason(TEAMS, "")} onClick={() => setAdding("team")}>
            Add to team
          </Button>
        }
      >
        {teams.length === 0 ? (
          <EmptyState>{who} is in no team: roles that are restricted to own teams cover only own objects.</EmptyState>
        ) : (
          <ul aria-label="Teams" className="border-line border-t">
            {teams.map((team) => (
              <Item key={team} icon={UsersRound} name={team}>
                <RiskyButton
                  size="sm"
                  label={`Remove from team ${idOf(team)}`}
                  reason={checks.reason(TEAMS, "")}
                  title={`Remove ${who} from ${idOf(team)}?`}
                  description="Roles that are restricted to own teams no longer cover what the team owns."
                  action="Remove member"
                  busy="Removing"
                  method={TeamService.method.removeTeamMember}
                  call={(ids) => ({ name: team, user: name, ...ids })}
                  refreshes={["team"]}
                >
                  Remove
                </RiskyButton>
              </Item>
            ))}
          </ul>
        )}
      </Section>
      {adding === "unit" && <AddBusinessUnitMember email={email} onClose={done} />}
      {adding === "group" && <AddToGroup user={{ name, displayName: who, email }} onClose={done} />}
      {adding === "team" && <AddToTeam user={{ name, displayName: who, email }} onClose={done} />}
    </div>
  );
}

function Item({
  icon: Icon,
  name,
  detail,
  children,
}: {
  icon: LucideIcon;
  name: string;
  detail?: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    <li className="flex min-h-9 items-center gap-3 border-line border-b py-1">
      <Icon aria-hidden className="size-4 shrink-0 text-muted" />
      <span className="min-w-0 flex-1">
        <ResourceName name={name} /> <span className="text-muted text-sm">{detail}</span>
      </span>
      {children}
    </li>
  );
}
