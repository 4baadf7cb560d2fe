// The members of a business unit: each with the role of the membership, and every role that holds for them there.

import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { MailPlus, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { CreateInvitation } from "~/components/invitation/create-invitation";
import type { Column } from "~/components/list/data-table";
import { PagedTable } from "~/components/list/paged-table";
import { ACTIVITY, MemberName, NAME, SINCE } from "~/components/member-columns";
import { MutationDialog } from "~/components/mutation-dialog";
import { Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { ResourceName } from "~/components/resource-name";
import { RiskyButton } from "~/components/risky-button";
import { RoleField } from "~/components/role/role-field";
import {
  type BusinessUnitMember,
  BusinessUnitService,
  type EffectiveRole,
} from "~/gen/flagstone/v1/business_unit_service_pb";
import { count } from "~/lib/format";
import { paged, useListed } from "~/lib/listed";
import { idOf } from "~/lib/names";
import { useAssignableRoles } from "~/lib/roles";
import { Button } from "~/ui/button";
import { AddBusinessUnitMember } from "./add-member";

const MEMBERS = "business_unit:business_units:manage_members";

export function UnitMembers({ unit }: { unit: string }) {
  const [dialog, setDialog] = useState<"add" | "invite">();
  const [changing, setChanging] = useState<BusinessUnitMember>();
  const reason = useChecks([{ permission: MEMBERS, object: unit }]).reason(MEMBERS, unit);
  const method = BusinessUnitService.method.listBusinessUnitMembers;
  const input = { parent: unit, pageSize: 50, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.businessUnitMembers);
  const columns = useMemo<readonly Column<BusinessUnitMember>[]>(
    () => [
      NAME,
      {
        id: "role",
        header: "Role",
        width: "16%",
        cell: ({ role, isOwner }) => (
          <>
            <ResourceName name={role} />
            {isOwner && <span className="ml-1 text-muted text-sm">owner</span>}
          </>
        ),
      },
      {
        id: "others",
        header: "Also through",
        from: "md",
        cell: ({ role, effectiveRoles }) => <OtherRoles own={role} roles={effectiveRoles} />,
      },
      ACTIVITY,
      SINCE,
      {
        id: "do",
        header: "Actions",
        width: "196px",
        align: "end",
        cell: (member) => (
          <span className="inline-flex gap-1">
            <ChangeRole member={member} reason={reason} onClick={() => setChanging(member)} />
            <Remove member={member} reason={reason} />
          </span>
        ),
      },
    ],
    [reason],
  );
  return (
    <Section
      title="Members"
      actions={
        <span className="flex flex-wrap justify-end gap-1">
          <Button
            size="sm"
            icon={<MailPlus aria-hidden className="size-4" />}
            reason={reason}
            onClick={() => setDialog("invite")}
          >
            Invite
          </Button>
          <Button
            size="sm"
            icon={<Plus aria-hidden className="size-4" />}
            reason={reason}
            onClick={() => setDialog("add")}
          >
            Add member
          </Button>
          {reason && <WhyNot permission={MEMBERS} object={unit} action="manage the members" />}
        </span>
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
              <span className="flex gap-1">
                <ChangeRole member={member} reason={reason} onClick={() => setChanging(member)} />
                <Remove member={member} reason={reason} />
              </span>
            </>
          ),
          second: (
            <>
              <ResourceName name={member.role} />
              {member.isOwner && <span>owner</span>}
              {!member.userActive && <span>inactive</span>}
            </>
          ),
        })}
        rowKey={({ name }) => name}
        empty={<EmptyState>Nobody is a member of this business unit yet.</EmptyState>}
      />
      {dialog === "add" && <AddBusinessUnitMember unit={unit} onClose={() => setDialog(undefined)} />}
      {dialog === "invite" && <CreateInvitation unit={unit} onClose={() => setDialog(undefined)} />}
      {changing && <ChangeRoleDialog unit={unit} member={changing} onClose={() => setChanging(undefined)} />}
    </Section>
  );
}

/** What reaches a member beside the role of the membership: by groups and by bindings. */
function OtherRoles({ own, roles }: { own: string; roles: readonly EffectiveRole[] }) {
  const others = roles.filter((role, index) => !(index === 0 && role.role === own && role.group === ""));
  if (others.length === 0) return <span className="text-muted">Nothing else</span>;
  const words = others.map(({ role, group, organizationWide, conditional }) =>
    [
      idOf(role),
      group ? `by group ${idOf(group)}` : organizationWide ? "in the organization" : "bound here",
      conditional && "under a condition",
    ]
      .filter(Boolean)
      .join(" "),
  );
  return <span title={words.join("\n")}>{words.join(", ")}</span>;
}

const OWNER = "The owner stays bu-owner. Change the owner of the business unit first.";

interface ForMember {
  member: BusinessUnitMember;
  reason: string | undefined;
}

function ChangeRole({ member: { fullName, user, isOwner }, reason, onClick }: ForMember & { onClick: () => void }) {
  return (
    <Button
      size="sm"
      variant="ghost"
      reason={reason ?? (isOwner ? OWNER : undefined)}
      aria-label={`Change role of ${fullName || idOf(user)}`}
      onClick={onClick}
    >
      Change role
    </Button>
  );
}

function ChangeRoleDialog({
  unit,
  member: { name, etag, fullName, user, role: before },
  onClose,
}: {
  unit: string;
  member: BusinessUnitMember;
  onClose: () => void;
}) {
  const [role, setRole] = useState(before);
  const { roles } = useAssignableRoles(unit);
  return (
    <MutationDialog
      title={`Change the role of ${fullName || idOf(user)}`}
      description="A member has one role. You can give only roles whose permissions you hold in the unit yourself."
      action="Change role"
      busy="Changing it"
      failure="The role was not changed"
      method={BusinessUnitService.method.updateBusinessUnitMember}
      call={(ids) => ({ businessUnitMember: { name, etag, role }, updateMask: { paths: ["role"] }, ...ids })}
      reason={!role ? "Choose a role." : role === before && "Choose another role."}
      refreshes={["business_unit_member"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => <RoleField roles={roles} value={role} onChange={setRole} errors={errorsOf("role")} />}
    </MutationDialog>
  );
}

/** Takes somebody out of the unit. */
function Remove({ member: { name, user, fullName, etag, isOwner }, reason }: ForMember) {
  const who = fullName || idOf(user);
  return (
    <RiskyButton
      size="sm"
      label={`Remove ${who}`}
      reason={reason ?? (isOwner ? OWNER : undefined)}
      title={`Remove ${who} from the business unit?`}
      description="Also from the groups of the unit. What the person made here stays."
      action="Remove member"
      busy="Removing"
      method={BusinessUnitService.method.removeBusinessUnitMember}
      call={(ids) => ({ name, etag, ...ids })}
      refreshes={["business_unit_member", "group"]}
    >
      Remove
    </RiskyButton>
  );
}

/** The roles that the caller can give in the unit. */
export function AssignableRoles({ unit }: { unit: string }) {
  const query = useQuery(BusinessUnitService.method.listAssignableRoles, { parent: unit });
  return (
    <Section title="Roles that you can give here">
      <QueryView query={query} title="The roles could not be read" lines={3}>
        {({ roles }) =>
          roles.length === 0 ? (
            <EmptyState>There is none whose permissions you all hold in this business unit.</EmptyState>
          ) : (
            <ul aria-label="Assignable roles" className="border-line border-t">
              {roles.map(({ role, displayName, description, ownTeamOnly, permissionCount }) => (
                <li
                  key={role}
                  className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4 border-line border-b py-1.5 md:grid-cols-[minmax(0,1fr)_minmax(0,2fr)_auto]"
                >
                  <ResourceName name={role}>
                    <span dir="auto">{displayName}</span>
                  </ResourceName>
                  <span className="col-span-full row-start-2 text-muted md:col-span-1 md:row-start-auto" dir="auto">
                    {description}
                    {ownTeamOnly && " Covers only what is of own teams, list and read apart."}
                  </span>
                  <span className="text-muted tabular-nums">{count(permissionCount, "permission")}</span>
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
    </Section>
  );
}
