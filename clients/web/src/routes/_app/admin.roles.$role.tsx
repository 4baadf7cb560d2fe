import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { Copy, Pencil, Trash2 } from "lucide-react";
import { useLive } from "~/api/live";
import { PermissionPicker } from "~/components/access/permission-picker";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { Facts, Page, Section, Skeleton } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { RiskyButton } from "~/components/risky-button";
import { RoleEditor } from "~/components/role/role-editor";
import { OriginBadge } from "~/components/role/role-list";
import { RoleUses } from "~/components/role/role-uses";
import { BindingList } from "~/components/role-binding/binding-list";
import { type Role, RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { idOf } from "~/lib/names";
import { usePermissionRegistry } from "~/lib/permission-registry";
import { restrictionWord, roleScopeWord } from "~/lib/roles";
import { Button } from "~/ui/button";
import { type TabItem, Tabs } from "~/ui/tabs";

const TABS = [
  { id: "permissions", label: "Permissions" },
  { id: "bindings", label: "Bindings" },
  { id: "uses", label: "Uses" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

export const Route = createFileRoute("/_app/admin/roles/$role")({
  validateSearch: ({ tab, edit }): { tab?: Tab; edit?: true } => {
    const known = TABS.find(({ id }) => id === tab)?.id;
    return { ...(known && { tab: known }), ...(edit === true && { edit }) };
  },
  component: RolePage,
});

function RolePage() {
  const { role: id } = Route.useParams();
  const { tab = "permissions", edit } = Route.useSearch();
  const navigate = Route.useNavigate();
  const name = `roles/${id}`;
  useLive({ types: ["role", "role_binding", "business_unit_member", "invitation"] });
  const query = useQuery(RoleService.method.getRole, { name });
  const { data } = query;
  const isEditing = edit === true && data !== undefined && !data.builtin;
  const leave = () => void navigate({ search: {} });
  return (
    <Page
      title={isEditing ? `Change ${data.displayName}` : (data?.displayName ?? id)}
      tab={`${data?.displayName ?? id} · Roles`}
      badges={data && <OriginBadge builtin={data.builtin} />}
      lead={!isEditing && data?.description}
      crumbs={[
        { to: "/admin", label: "Administration" },
        { to: "/admin/roles", label: "Roles" },
      ]}
      name={name}
      actions={data && !isEditing && <Actions role={data} />}
    >
      <QueryView query={query} title="The role could not be read">
        {(role) =>
          isEditing ? (
            <RoleEditor role={role} onDone={leave} onCancel={leave} />
          ) : (
            <>
              <Overview role={role} />
              <Tabs label="Role" items={TABS} value={tab} onChange={(next) => void navigate({ search: { tab: next } })}>
                {tab === "permissions" && <Held permissions={role.permissions} />}
                {tab === "bindings" && (
                  <BindingList
                    role={role.name}
                    empty="This role is bound to nobody. Members of business units may have it all the same: see its uses."
                  />
                )}
                {tab === "uses" && <RoleUses uses={role.uses} />}
              </Tabs>
            </>
          )
        }
      </QueryView>
    </Page>
  );
}

function Overview({ role: { scope, restriction, creator, createTime, updateTime } }: { role: Role }) {
  return (
    <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
      <Facts
        facts={[
          ["Given in", roleScopeWord(scope)],
          ["Restriction", restrictionWord(restriction)],
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
          ["Changed", <RelativeTime key="changed" time={updateTime} />],
        ]}
      />
    </div>
  );
}

/** What the role holds, as it is chosen in the editor. */
function Held({ permissions }: { permissions: readonly string[] }) {
  const registry = usePermissionRegistry();
  if (!registry) return <Skeleton />;
  const held = new Set(permissions);
  return (
    <Section title="What it holds">
      <PermissionPicker
        permissions={registry.filter(({ permission }) => held.has(permission))}
        chosen={held}
        onChange={() => undefined}
        readOnly
      />
    </Section>
  );
}

const CREATE = "platform:roles:create";
const UPDATE = "platform:roles:update";
const DELETE = "platform:roles:delete";
const ICON = { "aria-hidden": true, className: "size-4" } as const;
const BUILT_IN = "A built-in role stays as it is. Copy it to have it your way.";

function Actions({ role }: { role: Role }) {
  const { name, displayName, builtin, etag, uses } = role;
  const navigate = useNavigate();
  const checks = useChecks([
    { permission: CREATE, object: "" },
    { permission: UPDATE, object: name },
    { permission: DELETE, object: name },
  ]);
  const cannotCopy = checks.reason(CREATE, "");
  const cannotUpdate = checks.reason(UPDATE, name);
  const cannotDelete = checks.reason(DELETE, name);
  const isUsed = uses && uses.roleBindings + uses.members + uses.invitations + uses.approvalPolicies > 0;
  return (
    <>
      <Button
        icon={<Copy {...ICON} />}
        reason={cannotCopy}
        onClick={() => void navigate({ to: "/admin/roles", search: { create: true, from: idOf(name) } })}
      >
        Copy role
      </Button>
      {cannotCopy && <WhyNot permission={CREATE} object="" action="copy this role" />}
      <Button
        icon={<Pencil {...ICON} />}
        reason={builtin ? BUILT_IN : cannotUpdate}
        onClick={() => void navigate({ to: ".", search: { edit: true } })}
      >
        Change role
      </Button>
      {!builtin && cannotUpdate && <WhyNot permission={UPDATE} object={name} action="change this role" />}
      <RiskyButton
        icon={<Trash2 {...ICON} />}
        reason={
          builtin
            ? BUILT_IN
            : (cannotDelete ?? (isUsed ? "It is used. Its uses say by whom: take them away first." : undefined))
        }
        title={`Delete ${displayName}?`}
        description="There is no way back."
        confirmText={idOf(name)}
        action="Delete role"
        busy="Deleting"
        method={RoleService.method.deleteRole}
        call={(ids) => ({ name, etag, ...ids })}
        refreshes={["role"]}
        onDone={() => void navigate({ to: "/admin/roles" })}
      >
        Delete role
      </RiskyButton>
      {!builtin && cannotDelete && <WhyNot permission={DELETE} object={name} action="delete this role" />}
    </>
  );
}
