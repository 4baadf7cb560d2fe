import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { Facts, Page } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { BindingList } from "~/components/role-binding/binding-list";
import { ActivityBadge } from "~/components/state-badge";
import { Belongings } from "~/components/user/belongings";
import { EffectiveAccess } from "~/components/user/effective-access";
import { UserActions } from "~/components/user/user-actions";
import { UserSessions } from "~/components/user/user-sessions";
import { type User, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { type TabItem, Tabs } from "~/ui/tabs";

const TABS = [
  { id: "roles", label: "Roles" },
  { id: "membership", label: "Membership" },
  { id: "access", label: "Effective access" },
  { id: "sessions", label: "Sessions" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

export const Route = createFileRoute("/_app/admin/users/$user")({
  validateSearch: ({ tab }): { tab?: Tab } => {
    const known = TABS.find(({ id }) => id === tab)?.id;
    return known ? { tab: known } : {};
  },
  component: UserPage,
});

function UserPage() {
  const { user: id } = Route.useParams();
  const { tab = "roles" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const name = `users/${id}`;
  useLive({ types: ["user", "role_binding", "business_unit_member", "group", "team"] });
  const query = useQuery(UserService.method.getUser, { name });
  const { data } = query;
  const title = data?.fullName || data?.username || id;
  return (
    <Page
      title={title}
      tab={`${title} · Users`}
      badges={data && <ActivityBadge active={data.active} />}
      crumbs={[
        { to: "/admin", label: "Administration" },
        { to: "/admin/users", label: "Users" },
      ]}
      name={name}
      actions={data && <UserActions user={data} />}
    >
      <QueryView query={query} title="The user could not be read">
        {(user) => (
          <>
            <Overview user={user} />
            <Tabs label="User" items={TABS} value={tab} onChange={(next) => void navigate({ search: { tab: next } })}>
              {tab === "roles" && (
                <BindingList
                  subject={user.name}
                  empty="Nothing is bound to this person. Give a role here, or make the person a member of a group or a business unit."
                />
              )}
              {tab === "membership" && <Belongings user={user} />}
              {tab === "access" && <EffectiveAccess user={user} />}
              {tab === "sessions" && <UserSessions user={user.name} />}
            </Tabs>
          </>
        )}
      </QueryView>
    </Page>
  );
}

function Overview({
  user: { username, email, creator, createTime, updateTime, passwordChangeRequired },
}: {
  user: User;
}) {
  return (
    <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
      <Facts
        facts={[
          ["Username", username],
          [
            "Address",
            <span key="email" className="break-all">
              {email}
            </span>,
          ],
          passwordChangeRequired && ["Password", "Has to be changed at the next login"],
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
