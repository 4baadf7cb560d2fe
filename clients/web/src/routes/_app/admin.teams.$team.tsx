import { useInfiniteQuery, useMutation, useQuery } from "@connectrpc/connect-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { useLive } from "~/api/live";
import { refreshObjects } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import type { Column } from "~/components/list/data-table";
import { PagedTable } from "~/components/list/paged-table";
import { ACTIVITY, MemberName, NAME, SINCE } from "~/components/member-columns";
import { Facts, Page, Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { RiskyButton } from "~/components/risky-button";
import { AddToTeam } from "~/components/team/add-member";
import { EditTeam } from "~/components/team/team-form";
import { type Team, type TeamMember, TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { count } from "~/lib/format";
import { paged, useListed } from "~/lib/listed";
import { idOf } from "~/lib/names";
import { Button } from "~/ui/button";

export const Route = createFileRoute("/_app/admin/teams/$team")({ component: TeamPage });

const UPDATE = "platform:teams:update";
const DELETE = "platform:teams:delete";
const MEMBERS = "platform:teams:manage_members";

function TeamPage() {
  const { team: id } = Route.useParams();
  const name = `teams/${id}`;
  useLive({ types: ["team", "user", "deployment"] });
  const query = useQuery(TeamService.method.getTeam, { name });
  const { data } = query;
  const title = data?.displayName ?? id;
  return (
    <Page
      title={title}
      tab={`${title} · Teams`}
      lead={data?.description}
      crumbs={[
        { to: "/admin", label: "Administration" },
        { to: "/admin/teams", label: "Teams" },
      ]}
      name={name}
      actions={data && <Actions team={data} />}
    >
      <QueryView query={query} title="The team could not be read">
        {(team) => (
          <>
            <Overview team={team} />
            <Members team={name} />
          </>
        )}
      </QueryView>
    </Page>
  );
}

function Overview({ team: { memberCount, deploymentCount, linkedGroup, creator, createTime } }: { team: Team }) {
  return (
    <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
      <Facts
        facts={[
          ["Members", memberCount],
          ["Owns", count(deploymentCount, "deployment")],
        ]}
      />
      <Facts
        facts={[
          ["Linked group", <ResourceName key="group" name={linkedGroup} />],
          [
            "Created",
            <span key="created" className="inline-flex flex-wrap gap-x-1.5">
              <RelativeTime time={createTime} /> by <PrincipalChip name={creator} />
            </span>,
          ],
        ]}
      />
    </div>
  );
}

function Actions({ team }: { team: Team }) {
  const { name, displayName, deploymentCount, etag } = team;
  const navigate = useNavigate();
  const [isEditing, setIsEditing] = useState(false);
  const checks = useChecks([
    { permission: UPDATE, object: name },
    { permission: DELETE, object: name },
  ]);
  const cannotUpdate = checks.reason(UPDATE, name);
  const cannotDelete = checks.reason(DELETE, name);
  return (
    <>
      <Button icon={<Pencil aria-hidden className="size-4" />} reason={cannotUpdate} onClick={() => setIsEditing(true)}>
        Change team
      </Button>
      {cannotUpdate && <WhyNot permission={UPDATE} object={name} action="change this team" />}
      <RiskyButton
        icon={<Trash2 aria-hidden className="size-4" />}
        reason={
          cannotDelete ??
          (deploymentCount > 0
            ? `It owns ${count(deploymentCount, "deployment")}: give them to another team first.`
            : undefined)
        }
        title={`Delete ${displayName}?`}
        description="Its members stay users. There is no way back."
        confirmText={idOf(name)}
        action="Delete team"
        busy="Deleting"
        method={TeamService.method.deleteTeam}
        call={(ids) => ({ name, etag, ...ids })}
        refreshes={["team"]}
        onDone={() => void navigate({ to: "/admin/teams" })}
      >
        Delete team
      </RiskyButton>
      {cannotDelete && <WhyNot permission={DELETE} object={name} action="delete this team" />}
      {isEditing && <EditTeam team={team} onClose={() => setIsEditing(false)} />}
    </>
  );
}

function Members({ team }: { team: string }) {
  const [isAdding, setIsAdding] = useState(false);
  const reason = useChecks([{ permission: MEMBERS, object: team }]).reason(MEMBERS, team);
  const method = TeamService.method.listTeamMembers;
  const input = { parent: team, pageSize: 50, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.teamMembers);
  const setLead = useMutation(TeamService.method.addTeamMember, { onSuccess: () => refreshObjects(["team"]) });
  const { mutate } = setLead;
  const controls = useCallback(
    (member: TeamMember) => (
      <span className="inline-flex gap-1">
        <Button
          size="sm"
          variant="ghost"
          reason={reason}
          aria-label={`Make ${member.fullName || idOf(member.user)} ${member.isLead ? "a member" : "a lead"}`}
          onClick={() =>
            mutate({ name: team, user: member.user, isLead: !member.isLead, requestId: crypto.randomUUID() })
          }
        >
          {member.isLead ? "Make member" : "Make lead"}
        </Button>
        <Remove team={team} member={member} reason={reason} />
      </span>
    ),
    [team, reason, mutate],
  );
  const columns = useMemo<readonly Column<TeamMember>[]>(
    () => [
      NAME,
      { id: "part", header: "Part", width: "88px", cell: ({ isLead }) => (isLead ? "Lead" : "Member") },
      ACTIVITY,
      SINCE,
      {
        id: "do",
        header: "Actions",
        width: "196px",
        align: "end",
        cell: controls,
      },
    ],
    [controls],
  );
  return (
    <Section
      title="Members"
      actions={
        <span className="flex gap-1">
          <Button
            size="sm"
            icon={<Plus aria-hidden className="size-4" />}
            reason={reason}
            onClick={() => setIsAdding(true)}
          >
            Add member
          </Button>
          {reason && <WhyNot permission={MEMBERS} object={team} action="manage the members" />}
        </span>
      }
    >
      {setLead.error != null && <ErrorNotice error={setLead.error} title="The member was not changed" />}
      <PagedTable
        label="Members"
        noun="members"
        list={list}
        columns={columns}
        compact={(member) => ({
          first: (
            <>
              <MemberName member={member} />
              {controls(member)}
            </>
          ),
          second: (
            <>
              <span>{member.isLead ? "Lead" : "Member"}</span>
              {!member.userActive && <span>inactive</span>}
            </>
          ),
        })}
        rowKey={({ user }) => user}
        empty={<EmptyState>Nobody is in this team yet.</EmptyState>}
      />
      {isAdding && <AddToTeam team={team} onClose={() => setIsAdding(false)} />}
    </Section>
  );
}

function Remove({ team, member: { user, fullName }, reason }: { team: string; member: TeamMember; reason?: string }) {
  const who = fullName || idOf(user);
  return (
    <RiskyButton
      size="sm"
      label={`Remove ${who}`}
      reason={reason}
      title={`Remove ${who} from the team?`}
      description="Roles that are restricted to own teams no longer cover what the team owns."
      action="Remove member"
      busy="Removing"
      method={TeamService.method.removeTeamMember}
      call={(ids) => ({ name: team, user, ...ids })}
      refreshes={["team"]}
    >
      Remove
    </RiskyButton>
  );
}
