import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { MailPlus, UserPlus } from "lucide-react";
import { useMemo, useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { CreateInvitation } from "~/components/invitation/create-invitation";
import { type INVITATION_FIELDS, InvitationList, MANAGE_INVITATIONS } from "~/components/invitation/invitation-list";
import { Collection } from "~/components/list/collection";
import { useTotal } from "~/components/list/use-total";
import { Page } from "~/components/page";
import { CreateUser } from "~/components/user/create-user";
import { compactUser, USER_COLUMNS, USER_FIELDS, USER_ORDERS } from "~/components/user/user-list";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { InvitationService } from "~/gen/flagstone/v1/invitation_service_pb";
import { UserService } from "~/gen/flagstone/v1/user_service_pb";
import { type FilterValues, readTexts } from "~/lib/filter";
import { usePermissions } from "~/lib/me";
import { useRoles } from "~/lib/roles";
import { readSort, type SortSearch } from "~/lib/sort";
import { Button } from "~/ui/button";
import { Tabs } from "~/ui/tabs";

const KEYS: Record<keyof typeof USER_FIELDS | keyof typeof INVITATION_FIELDS, true> = {
  q: true,
  active: true,
  role: true,
  group: true,
  email: true,
  state: true,
};

interface TabSearch {
  tab?: "invitations";
}

export const Route = createFileRoute("/_app/admin/users/")({
  validateSearch: (
    search,
  ): FilterValues<typeof USER_FIELDS> & FilterValues<typeof INVITATION_FIELDS> & SortSearch & TabSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(USER_ORDERS, search),
    ...(search.tab === "invitations" && { tab: "invitations" as const }),
  }),
  component: Users,
});

const CREATE = "platform:users:create";
const MANAGE_MEMBERS = "business_unit:business_units:manage_members";

function Users() {
  const { tab } = Route.useSearch();
  const navigate = Route.useNavigate();
  const [dialog, setDialog] = useState<"create" | "invite">();
  useLive({ types: ["user", "invitation", "role_binding", "business_unit_member"] });
  const checks = useChecks([
    { permission: CREATE, object: "" },
    { permission: MANAGE_INVITATIONS, object: "" },
    { permission: MANAGE_MEMBERS, object: "businessUnits/-" },
  ]);
  const mayInvite = checks.may(MANAGE_INVITATIONS, "") || checks.may(MANAGE_MEMBERS, "businessUnits/-");
  const pending = useTotal(
    InvitationService.method.listInvitations,
    checks.known && mayInvite ? { filter: "state = PENDING", pageSize: 1, includeTotal: true } : skipToken,
  );
  const cannotCreate = checks.reason(CREATE, "");
  const cannotInvite = mayInvite ? undefined : checks.reason(MANAGE_INVITATIONS, "");
  return (
    <Page
      title="Users"
      lead="The people of the organization, what they are given, and who is invited."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          <Button
            icon={<MailPlus aria-hidden className="size-4" />}
            reason={cannotInvite}
            onClick={() => setDialog("invite")}
          >
            Invite somebody
          </Button>
          {cannotInvite && <WhyNot permission={MANAGE_INVITATIONS} object="" action="invite somebody" />}
          <Button
            variant="primary"
            icon={<UserPlus aria-hidden className="size-4" />}
            reason={cannotCreate}
            onClick={() => setDialog("create")}
          >
            Create user
          </Button>
          {cannotCreate && <WhyNot permission={CREATE} object="" action="create a user" />}
        </>
      }
    >
      <Tabs
        label="Users"
        items={[
          { id: "people", label: "People" },
          { id: "invitations", label: "Invitations", count: pending },
        ]}
        value={tab ?? "people"}
        onChange={(next) => void navigate({ search: next === "invitations" ? { tab: next } : {} })}
      >
        {tab === "invitations" ? <InvitationList /> : <People />}
      </Tabs>
      {dialog === "create" && <CreateUser onClose={() => setDialog(undefined)} />}
      {dialog === "invite" && (
        <CreateInvitation
          onClose={() => {
            setDialog(undefined);
            void navigate({ search: { tab: "invitations" } });
          }}
        />
      )}
    </Page>
  );
}

function useOptions() {
  const { holds } = usePermissions();
  const roles = useRoles(holds("platform:roles:list"));
  const groups = useQuery(
    GroupService.method.listGroups,
    holds("platform:groups:list") ? { parent: "businessUnits/-", pageSize: 200 } : skipToken,
    { staleTime: 60_000 },
  );
  return useMemo(
    () => ({
      role: roles.map(({ name, displayName }) => ({ value: name, label: displayName })),
      group: (groups.data?.groups ?? []).map(({ name, displayName }) => ({ value: name, label: displayName })),
    }),
    [roles, groups.data],
  );
}

function People() {
  const options = useOptions();
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <Collection
        noun="users"
        method={UserService.method.listUsers}
        rowsOf={(page) => page.users}
        permission="platform:users:list"
        fields={USER_FIELDS}
        options={options}
        columns={USER_COLUMNS}
        compact={compactUser}
        orders={USER_ORDERS}
        empty={
          <EmptyState command="flagstone users list">
            There is nobody here. Create a user or invite somebody.
          </EmptyState>
        }
      />
    </div>
  );
}
