// One group, of the organization or of a business unit: members, and the roles that they have by it.

import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { useNavigate } from "@tanstack/react-router";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import type { Column } from "~/components/list/data-table";
import { PagedTable } from "~/components/list/paged-table";
import { ACTIVITY, MemberName, NAME, SINCE } from "~/components/member-columns";
import { Facts, Page, Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { RiskyButton } from "~/components/risky-button";
import { BindingList } from "~/components/role-binding/binding-list";
import { ActivityBadge } from "~/components/state-badge";
import { type Group, type GroupMember, GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { paged, useListed } from "~/lib/listed";
import { idOf, unitOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { AddToGroup } from "./add-member";
import { EditGroup } from "./group-form";

/** What may be done with a group, or why not: by a right in the organization or in the unit of the group. */
function useGroupReason(action: "update" | "delete" | "manage_members", name: string) {
  const platform = `platform:groups:${action}`;
  const own = `business_unit:groups:${action}`;
  const isOfUnit = unitOf(name) !== "";
  const checks = useChecks([
    { permission: platform, object: isOfUnit ? "" : name },
    ...(isOfUnit ? [{ permission: own, object: name }] : []),
  ]);
  const reason = isOfUnit && checks.may(platform, "") ? undefined : checks.reason(isOfUnit ? own : platform, name);
  return { reason, permission: isOfUnit ? own : platform };
}

export function GroupPage({ name }: { name: string }) {
  useLive({ types: ["group", "role_binding", "user"] });
  const query = useQuery(GroupService.method.getGroup, { name });
  const { data } = query;
  const title = data?.displayName ?? idOf(name);
  return (
    <Page
      title={title}
      tab={`${title} · Groups`}
      lead={data?.description}
      crumbs={[
        { to: "/admin", label: "Administration" },
        { to: "/admin/groups", label: "Groups" },
      ]}
      name={name}
      actions={data && <Actions group={data} />}
    >
      <QueryView query={query} title="The group could not be read">
        {(group) => (
          <>
            <Overview group={group} />
            <Members group={name} />
            <BindingList
              title="Roles"
              subject={name}
              empty="No role is bound to this group: its members have nothing by it."
            />
          </>
        )}
      </QueryView>
    </Page>
  );
}

function Overview({ group: { name, memberCount, creator, createTime } }: { group: Group }) {
  const unit = unitOf(name);
  return (
    <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
      <Facts
        facts={[
          ["Of", unit ? <ResourceName key="of" name={`businessUnits/${unit}`} /> : "The organization"],
          ["Members", memberCount],
        ]}
      />
      <Facts
        facts={[
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

function Actions({ group }: { group: Group }) {
  const { name, displayName, memberCount, etag } = group;
  const navigate = useNavigate();
  const [isEditing, setIsEditing] = useState(false);
  const update = useGroupReason("update", name);
  const remove = useGroupReason("delete", name);
  return (
    <>
      <Button
        icon={<Pencil aria-hidden className="size-4" />}
        reason={update.reason}
        onClick={() => setIsEditing(true)}
      >
        Change group
      </Button>
      {update.reason && <WhyNot permission={update.permission} object={name} action="change this group" />}
      <RiskyButton
        icon={<Trash2 aria-hidden className="size-4" />}
        reason={remove.reason}
        title={`Delete ${displayName}?`}
        description={
          memberCount > 0
            ? "Its members lose at once what they have by it. There is no way back."
            : "It has no members. There is no way back."
        }
        confirmText={idOf(name)}
        action="Delete group"
        busy="Deleting"
        method={GroupService.method.deleteGroup}
        call={(ids) => ({ name, etag, ...ids })}
        refreshes={["group", "role_binding"]}
        onDone={() => void navigate({ to: "/admin/groups" })}
      >
        Delete group
      </RiskyButton>
      {remove.reason && <WhyNot permission={remove.permission} object={name} action="delete this group" />}
      {isEditing && <EditGroup group={group} onClose={() => setIsEditing(false)} />}
    </>
  );
}

function Members({ group }: { group: string }) {
  const [isAdding, setIsAdding] = useState(false);
  const { reason } = useGroupReason("manage_members", group);
  const method = GroupService.method.listGroupMembers;
  const input = { parent: group, pageSize: 50, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.groupMembers);
  const columns = useMemo<readonly Column<GroupMember>[]>(
    () => [
      NAME,
      ACTIVITY,
      {
        id: "by",
        header: "Added by",
        width: "18%",
        from: "lg",
        cell: ({ creator }) => <PrincipalChip name={creator} />,
      },
      SINCE,
      {
        id: "do",
        header: "Actions",
        width: "96px",
        align: "end",
        cell: (member) => <Remove group={group} member={member} />,
      },
    ],
    [group],
  );
  return (
    <Section
      title="Members"
      actions={
        <Button
          size="sm"
          icon={<Plus aria-hidden className="size-4" />}
          reason={reason}
          onClick={() => setIsAdding(true)}
        >
          Add member
        </Button>
      }
    >
      <PagedTable
        label="Members"
        noun="members"
        list={list}
        columns={columns}
        compact={(member) => ({
          first: (
            <>
              <MemberName member={member} />
              <Remove group={group} member={member} />
            </>
          ),
          second: <ActivityBadge active={member.userActive} />,
        })}
        rowKey={({ user }) => user}
        empty={<EmptyState>Nobody is in this group yet.</EmptyState>}
      />
      {isAdding && <AddToGroup group={group} onClose={() => setIsAdding(false)} />}
    </Section>
  );
}

function Remove({ group, member: { user, fullName } }: { group: string; member: GroupMember }) {
  const { reason } = useGroupReason("manage_members", group);
  const who = fullName || idOf(user);
  return (
    <RiskyButton
      size="sm"
      label={`Remove ${who}`}
      reason={reason}
      title={`Remove ${who} from the group?`}
      description="What the group gave ends at once."
      action="Remove member"
      busy="Removing"
      method={GroupService.method.removeGroupMember}
      call={(ids) => ({ name: group, user, ...ids })}
      refreshes={["group"]}
    >
      Remove
    </RiskyButton>
  );
}
