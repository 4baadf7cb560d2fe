import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { EmptyState } from "~/components/empty-state";
import { Facts, Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ChangePasswordForm } from "~/components/session/change-password-form";
import { AccessService, type ScopePermissions } from "~/gen/flagstone/v1/access_service_pb";
import { type User, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { count } from "~/lib/format";
import { idOf } from "~/lib/names";
import { Input } from "~/ui/field";
import { Tabs } from "~/ui/tabs";

const TABS = ["details", "password", "permissions"] as const;
type Tab = (typeof TABS)[number];

export const Route = createFileRoute("/_app/profile")({
  validateSearch: (search): { tab?: Tab; q?: string } => ({
    ...(TABS.includes(search.tab as Tab) ? { tab: search.tab as Tab } : {}),
    ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
  }),
  component: Profile,
});

/** The caller: who they are, their password, what they may do and why. */
function Profile() {
  const { tab = "details" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const me = useQuery(UserService.method.getMe, {});
  return (
    <Page title={me.data?.fullName || me.data?.username || "Profile"} tab="Profile" lead={me.data?.email}>
      <Tabs
        label="Profile"
        items={[
          { id: "details", label: "Details" },
          { id: "password", label: "Password" },
          { id: "permissions", label: "Permissions" },
        ]}
        value={tab}
        onChange={(next) => void navigate({ search: { tab: next } })}
      >
        {tab === "details" && (
          <QueryView query={me} title="Your profile could not be read">
            {(user) => <Details user={user} />}
          </QueryView>
        )}
        {tab === "password" && <Password />}
        {tab === "permissions" && <Permissions />}
      </Tabs>
    </Page>
  );
}

function Details({ user }: { user: User }) {
  return (
    <div className="max-w-[720px]">
      <Facts
        facts={[
          ["Username", user.username],
          ["E-mail address", user.email],
          ["Organization", user.organization],
          [
            "Business units",
            user.memberships.length === 0
              ? "Member of none"
              : user.memberships.map(({ businessUnit, role }) => (
                  <div key={businessUnit}>
                    {idOf(businessUnit)} <span className="text-muted">as {idOf(role)}</span>
                  </div>
                )),
          ],
          [
            "Roles in the organization",
            user.organizationRoles.length === 0 ? "None" : user.organizationRoles.map(idOf).join(", "),
          ],
          ["Since", <RelativeTime key="since" time={user.createTime} />],
        ]}
      />
    </div>
  );
}

function Password() {
  const [ended, setEnded] = useState<number>();
  return (
    <div className="flex max-w-96 flex-col gap-4">
      <p className="text-muted">Your other sessions end when you change it.</p>
      {ended !== undefined && (
        <p role="status" className="rounded-md bg-succeeded-soft px-3 py-2 text-succeeded">
          The password was changed. {count(ended, "other session")} ended.
        </p>
      )}
      <ChangePasswordForm onDone={setEnded} />
    </div>
  );
}

/** R053: what one may do, where, and by which role. */
function Permissions() {
  const { q = "" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const permissions = useQuery(AccessService.method.getMyPermissions, {});
  return (
    <div className="flex flex-col gap-4">
      <Input
        type="search"
        aria-label="Search permissions"
        placeholder="Search permissions"
        className="max-w-96"
        value={q}
        onChange={(event) =>
          void navigate({ search: { tab: "permissions", q: event.target.value || undefined }, replace: true })
        }
      />
      <QueryView query={permissions} title="Your permissions could not be read">
        {({ scopes }) => {
          const found = scopes
            .map((scope) => ({ ...scope, permissions: scope.permissions.filter((one) => matches(one, q)) }))
            .filter((scope) => scope.permissions.length > 0);
          if (found.length === 0) {
            return <EmptyState>{q ? "No permission of yours matches." : "You hold no permission."}</EmptyState>;
          }
          return found.map((scope) => <Scope key={scope.scope} scope={scope} />);
        }}
      </QueryView>
    </div>
  );
}

function matches({ permission, description }: { permission: string; description: string }, text: string): boolean {
  return `${permission} ${description}`.toLowerCase().includes(text.toLowerCase());
}

function Scope({ scope: { scope, permissions } }: { scope: Pick<ScopePermissions, "scope" | "permissions"> }) {
  const title = scope ? `In business unit ${idOf(scope)}` : "In the whole organization";
  return (
    <section aria-label={title} className="flex flex-col gap-1">
      <h2 className="font-semibold text-lg">{title}</h2>
      <table className="w-full border-collapse" aria-label={title}>
        <thead className="sr-only">
          <tr>
            <th scope="col">What it allows</th>
            <th scope="col">Permission</th>
            <th scope="col">Given by</th>
          </tr>
        </thead>
        <tbody>
          {permissions.map((held) => (
            <tr key={held.permission} className="border-line border-b align-top">
              <td className="py-1.5 pr-4">
                {held.description}
                {held.ownTeamOnly && <span className="text-muted"> (only what is yours)</span>}
                <code className="block break-all text-muted md:hidden">{held.permission}</code>
              </td>
              <td className="hidden py-1.5 pr-4 md:table-cell">
                <code className="text-muted">{held.permission}</code>
              </td>
              <td className="py-1.5 text-right break-words text-muted">{held.roles.map(idOf).join(", ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
