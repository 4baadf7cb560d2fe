import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";
import { Pencil, Power, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EditUnit } from "~/components/business-unit/unit-form";
import { UnitGroups } from "~/components/business-unit/unit-groups";
import { AssignableRoles, UnitMembers } from "~/components/business-unit/unit-members";
import { OpenInvitations } from "~/components/invitation/invitation-list";
import { Facts, Page } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { RiskyButton } from "~/components/risky-button";
import { BindingList } from "~/components/role-binding/binding-list";
import { ActivityBadge } from "~/components/state-badge";
import { type BusinessUnit, BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { idOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { type TabItem, Tabs } from "~/ui/tabs";

const TABS = [
  { id: "members", label: "Members" },
  { id: "groups", label: "Groups" },
  { id: "bindings", label: "Role bindings" },
  { id: "roles", label: "Assignable roles" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

export const Route = createFileRoute("/_app/admin/business-units/$bu")({
  validateSearch: ({ tab }): { tab?: Tab } => {
    const known = TABS.find(({ id }) => id === tab)?.id;
    return known ? { tab: known } : {};
  },
  component: UnitPage,
});

const MANAGE_MEMBERS = "business_unit:business_units:manage_members";

function UnitPage() {
  const { bu } = Route.useParams();
  const { tab = "members" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const name = `businessUnits/${bu}`;
  useLive({ types: ["business_unit", "business_unit_member", "group", "role_binding", "invitation"] });
  const query = useQuery(BusinessUnitService.method.getBusinessUnit, { name });
  const { data } = query;
  const checks = useChecks([{ permission: MANAGE_MEMBERS, object: name }]);
  const mayInvite = checks.known && checks.may(MANAGE_MEMBERS, name);
  const title = data?.displayName || data?.code || bu;
  return (
    <Page
      title={title}
      tab={`${title} · Business units`}
      badges={data && <ActivityBadge active={data.active} />}
      lead={data?.description}
      crumbs={[
        { to: "/admin", label: "Administration" },
        { to: "/admin/business-units", label: "Business units" },
      ]}
      name={name}
      actions={data && <Actions unit={data} />}
    >
      <QueryView query={query} title="The business unit could not be read">
        {(unit) => (
          <>
            <Overview unit={unit} />
            <Tabs
              label="Business unit"
              items={TABS}
              value={tab}
              onChange={(next) => void navigate({ search: { tab: next } })}
            >
              {tab === "members" && (
                <div className="flex flex-col gap-6">
                  <UnitMembers unit={name} />
                  {mayInvite && <OpenInvitations unit={name} />}
                </div>
              )}
              {tab === "groups" && <UnitGroups unit={name} />}
              {tab === "bindings" && (
                <BindingList
                  unit={name}
                  empty="No role is bound in this business unit. Its members have their roles without one."
                />
              )}
              {tab === "roles" && <AssignableRoles unit={name} />}
            </Tabs>
          </>
        )}
      </QueryView>
    </Page>
  );
}

function Overview({ unit: { name, code, owner, creator, createTime } }: { unit: BusinessUnit }) {
  return (
    <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
      <Facts
        facts={[
          ["Code", <code key="code">{code}</code>],
          ["Owner", owner ? <ResourceName key="owner" name={owner} /> : "Nobody"],
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
          [
            "Its work",
            <Link
              key="work"
              to="/deployments"
              search={{ unit: idOf(name) }}
              className="text-accent-strong hover:underline"
            >
              Deployments
            </Link>,
          ],
        ]}
      />
    </div>
  );
}

/** What may be done with a unit, or why not: by a right in the organization, or in the unit. */
function useUnitReason(action: "update" | "delete", name: string) {
  const platform = `platform:business_units:${action}`;
  const own = `business_unit:business_units:${action}`;
  const checks = useChecks([
    { permission: platform, object: "" },
    { permission: own, object: name },
  ]);
  return { reason: checks.may(platform, "") ? undefined : checks.reason(own, name), permission: own };
}

function Actions({ unit }: { unit: BusinessUnit }) {
  const { name, displayName, code, active, etag } = unit;
  const navigate = useNavigate();
  const [isEditing, setIsEditing] = useState(false);
  const update = useUnitReason("update", name);
  const remove = useUnitReason("delete", name);
  const what = displayName || code;
  return (
    <>
      <Button
        icon={<Pencil aria-hidden className="size-4" />}
        reason={update.reason}
        onClick={() => setIsEditing(true)}
      >
        Change business unit
      </Button>
      <RiskyButton
        icon={<Power aria-hidden className="size-4" />}
        reason={update.reason}
        title={active ? `Deactivate ${what}?` : `Activate ${what}?`}
        description={
          active
            ? "It takes no new requests but those that destroy. What runs goes on running."
            : "It takes requests again."
        }
        action={active ? "Deactivate business unit" : "Activate business unit"}
        busy="Changing it"
        method={BusinessUnitService.method.updateBusinessUnit}
        call={(ids) => ({ businessUnit: { name, etag, active: !active }, updateMask: { paths: ["active"] }, ...ids })}
        refreshes={["business_unit"]}
      >
        {active ? "Deactivate" : "Activate"}
      </RiskyButton>
      {update.reason && <WhyNot permission={update.permission} object={name} action="change this business unit" />}
      <RiskyButton
        icon={<Trash2 aria-hidden className="size-4" />}
        reason={remove.reason}
        title={`Delete ${what}?`}
        description="With its memberships, groups, role bindings and pending invitations. Its deployments have to be gone. Its code is never given again."
        confirmText={code}
        action="Delete business unit"
        busy="Deleting"
        method={BusinessUnitService.method.deleteBusinessUnit}
        call={(ids) => ({ name, etag, ...ids })}
        refreshes={["business_unit", "group", "role_binding", "invitation"]}
        onDone={() => void navigate({ to: "/admin/business-units" })}
      >
        Delete business unit
      </RiskyButton>
      {remove.reason && <WhyNot permission={remove.permission} object={name} action="delete this business unit" />}
      {isEditing && <EditUnit unit={unit} onClose={() => setIsEditing(false)} />}
    </>
  );
}
