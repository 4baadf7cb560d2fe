import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";
import { Pencil, Power, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { Facts, Page } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { RiskyButton } from "~/components/risky-button";
import { BindingList } from "~/components/role-binding/binding-list";
import { EditAccount } from "~/components/service-account/account-form";
import { kindWord } from "~/components/service-account/account-list";
import { AccountTokens } from "~/components/service-account/account-tokens";
import { TrustRules } from "~/components/service-account/trust-rules";
import { ActivityBadge } from "~/components/state-badge";
import {
  type ServiceAccount,
  ServiceAccountKind,
  ServiceAccountService,
} from "~/gen/flagstone/v1/service_account_service_pb";
import { Button } from "~/ui/button";
import { type TabItem, Tabs } from "~/ui/tabs";

const TABS = [
  { id: "roles", label: "Roles" },
  { id: "tokens", label: "API tokens" },
  { id: "trust", label: "Trust rules" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

export const Route = createFileRoute("/_app/admin/service-accounts/$account")({
  validateSearch: ({ tab }: Record<string, unknown>): { tab?: Tab } => {
    const known = TABS.find(({ id }) => id === tab)?.id;
    return known ? { tab: known } : {};
  },
  component: ServiceAccountPage,
});

const MANAGE = "platform:service_accounts:manage";

function ServiceAccountPage() {
  const { account: id } = Route.useParams();
  const { tab: wanted = "roles" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const name = `serviceAccounts/${id}`;
  useLive({ types: ["service_account", "role_binding", "role"] });
  const query = useQuery(ServiceAccountService.method.getServiceAccount, { name });
  const { data } = query;
  const reason = useChecks([{ permission: MANAGE, object: name }]).reason(MANAGE, name);
  const isCi = data?.kind === ServiceAccountKind.CI;
  const tab = wanted === "trust" && !isCi ? "roles" : wanted;
  return (
    <Page
      title={id}
      tab={`${id} · Service accounts`}
      badges={data && <ActivityBadge active={data.active} />}
      lead={data?.description && <span dir="auto">{data.description}</span>}
      crumbs={[
        { to: "/admin", label: "Administration" },
        { to: "/admin/service-accounts", label: "Service accounts" },
      ]}
      name={name}
      actions={
        data && (
          <>
            <AccountActions account={data} reason={reason} />
            {reason && <WhyNot permission={MANAGE} object={name} action="change this service account" />}
          </>
        )
      }
    >
      <QueryView query={query} title="The service account could not be read">
        {(account) => (
          <>
            <Overview account={account} />
            <Tabs
              label="Service account"
              items={isCi ? TABS : TABS.filter((item) => item.id !== "trust")}
              value={tab}
              onChange={(next) => void navigate({ search: { tab: next } })}
            >
              {tab === "roles" && (
                <BindingList
                  subject={account.name}
                  empty="This account may do nothing yet. Give it a role here; its tokens carry no more than its roles hold."
                />
              )}
              {tab === "tokens" && <AccountTokens account={account} reason={reason} />}
              {tab === "trust" && <TrustRules account={account} reason={reason} />}
            </Tabs>
          </>
        )}
      </QueryView>
    </Page>
  );
}

function Overview({
  account: { name, kind, lastUseTime, creator, createTime, updateTime },
}: {
  account: ServiceAccount;
}) {
  return (
    <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
      <Facts
        facts={[
          ["Kind", kindWord(kind)],
          ["Last used", <RelativeTime key="used" time={lastUseTime} />],
          [
            "Audit",
            <Link
              key="audit"
              to="/admin/audit"
              search={{ unit: "-", principal: name }}
              className="text-accent-strong hover:underline"
            >
              What it did
            </Link>,
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
  );
}

const ICON = { "aria-hidden": true, className: "size-4" } as const;

function AccountActions({ account, reason }: { account: ServiceAccount; reason: string | undefined }) {
  const { name, active, etag } = account;
  const id = name.slice("serviceAccounts/".length);
  const navigate = useNavigate();
  const [isEditing, setIsEditing] = useState(false);
  return (
    <>
      <Button icon={<Pencil {...ICON} />} reason={reason} onClick={() => setIsEditing(true)}>
        Change description
      </Button>
      <RiskyButton
        icon={<Power {...ICON} />}
        reason={reason}
        title={active ? `Deactivate ${id}?` : `Activate ${id}?`}
        description={
          active
            ? "Every token of it is refused at its next call, and its streams end. It can be activated again."
            : "Its tokens that did not end meanwhile work again."
        }
        action={active ? "Deactivate service account" : "Activate service account"}
        busy={active ? "Deactivating it" : "Activating it"}
        method={ServiceAccountService.method.updateServiceAccount}
        call={(ids) => ({
          serviceAccount: { name, etag, active: !active },
          updateMask: { paths: ["active"] },
          ...ids,
        })}
        refreshes={["service_account"]}
      >
        {active ? "Deactivate" : "Activate"}
      </RiskyButton>
      <RiskyButton
        icon={<Trash2 {...ICON} />}
        reason={reason}
        title={`Delete ${id}?`}
        description="Its tokens are revoked and its role bindings removed. What it did keeps its name, and the id is never given again."
        confirmText={id}
        action="Delete service account"
        busy="Deleting it"
        method={ServiceAccountService.method.deleteServiceAccount}
        call={(ids) => ({ name, etag, ...ids })}
        refreshes={["service_account", "role_binding"]}
        onDone={() => void navigate({ to: "/admin/service-accounts" })}
      >
        Delete
      </RiskyButton>
      {isEditing && <EditAccount account={account} onClose={() => setIsEditing(false)} />}
    </>
  );
}
