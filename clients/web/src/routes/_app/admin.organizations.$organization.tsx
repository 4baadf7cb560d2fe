import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { Pencil, Power, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EditOrganization } from "~/components/organization/organization-form";
import { Facts, Page } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { RiskyButton } from "~/components/risky-button";
import { ActivityBadge } from "~/components/state-badge";
import { type Organization, OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { useMe, usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";
import { Button } from "~/ui/button";

export const Route = createFileRoute("/_app/admin/organizations/$organization")({ component: OrganizationPage });

const LIST = "platform:organizations:list";
const UPDATE = "platform:organizations:update";
const DEACTIVATE = "platform:organizations:deactivate";
const DELETE = "platform:organizations:delete";

function OrganizationPage() {
  const { organization: id } = Route.useParams();
  const name = `organizations/${id}`;
  const { holds } = usePermissions();
  useLive({ types: ["organization"] });
  const query = useQuery(OrganizationService.method.getOrganization, { name });
  const { data } = query;
  return (
    <Page
      title={data?.displayName ?? id}
      tab={`${data?.displayName ?? id} · Organizations`}
      badges={data && <ActivityBadge active={data.active} />}
      lead={data?.description}
      crumbs={[
        { to: "/admin", label: "Administration" },
        // Whoever is no operator sees only the own one.
        ...(holds(LIST) ? [{ to: "/admin/organizations", label: "Organizations" }] : []),
      ]}
      name={name}
      actions={data && <Actions organization={data} />}
    >
      <QueryView query={query} title="The organization could not be read">
        {({ isDefault, logoUrl, creator, createTime, updateTime }) => (
          <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
            <Facts
              facts={[
                ["Id", <code key="id">{id}</code>],
                isDefault && ["Kind", "The one that the installation was set up with"],
                [
                  "Logo",
                  <span key="logo" className="break-all">
                    {logoUrl || "None"}
                  </span>,
                ],
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
        )}
      </QueryView>
    </Page>
  );
}

function Actions({ organization }: { organization: Organization }) {
  const { name, displayName, active, isDefault, etag } = organization;
  const me = useMe();
  const navigate = useNavigate();
  const [isEditing, setIsEditing] = useState(false);
  const checks = useChecks([UPDATE, DEACTIVATE, DELETE].map((permission) => ({ permission, object: "" })));
  const isOwn = me?.organization === idOf(name);
  const cannotUpdate = checks.reason(UPDATE, "");
  const cannotStop = checks.reason(DEACTIVATE, "");
  const cannotDelete = checks.reason(DELETE, "");
  const kept = isDefault ? "The operators are in this organization: it stays." : undefined;
  return (
    <>
      <Button
        icon={<Pencil aria-hidden className="size-4" />}
        reason={isOwn ? cannotUpdate : "Only its own administrators change what it is called."}
        onClick={() => setIsEditing(true)}
      >
        Change organization
      </Button>
      {isOwn && cannotUpdate && <WhyNot permission={UPDATE} object="" action="change this organization" />}
      <RiskyButton
        icon={<Power aria-hidden className="size-4" />}
        reason={cannotStop ?? kept}
        title={active ? `Deactivate ${displayName}?` : `Reactivate ${displayName}?`}
        description={
          active
            ? "Logins, sessions, tokens and its own runners stop within a second. Nothing is lost: it can be reactivated."
            : "Lets all of its people and programs in again."
        }
        {...(active && { confirmText: idOf(name) })}
        action={active ? "Deactivate organization" : "Reactivate organization"}
        busy={active ? "Deactivating" : "Reactivating"}
        method={OrganizationService.method.deactivateOrganization}
        call={(ids) => ({ name, etag, reactivate: !active, ...ids })}
        refreshes={["organization"]}
      >
        {active ? "Deactivate organization" : "Reactivate organization"}
      </RiskyButton>
      {cannotStop && <WhyNot permission={DEACTIVATE} object="" action="deactivate this organization" />}
      <RiskyButton
        icon={<Trash2 aria-hidden className="size-4" />}
        reason={cannotDelete ?? kept}
        title={`Delete ${displayName}?`}
        description="Only one without users can be deleted. Its audit is kept, its id is never given again. There is no way back."
        confirmText={idOf(name)}
        action="Delete organization"
        busy="Deleting"
        method={OrganizationService.method.deleteOrganization}
        call={(ids) => ({ name, etag, ...ids })}
        refreshes={["organization"]}
        onDone={() => void navigate({ to: "/admin/organizations" })}
      >
        Delete organization
      </RiskyButton>
      {cannotDelete && <WhyNot permission={DELETE} object="" action="delete this organization" />}
      {isEditing && <EditOrganization organization={organization} onClose={() => setIsEditing(false)} />}
    </>
  );
}
