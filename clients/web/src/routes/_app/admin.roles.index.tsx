import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { CollectionPage } from "~/components/list/collection-page";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RoleEditor } from "~/components/role/role-editor";
import { compactRole, ROLE_COLUMNS, ROLE_FIELDS } from "~/components/role/role-list";
import { RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { type FilterValues, readTexts } from "~/lib/filter";
import { routeOf } from "~/lib/names";

const KEYS: Record<keyof typeof ROLE_FIELDS, true> = { q: true, scope: true, restriction: true, builtin: true };

interface NewSearch {
  /** A new role is being made. */
  create?: true;
  /** Id of the role that it begins as. */
  from?: string;
}

export const Route = createFileRoute("/_app/admin/roles/")({
  validateSearch: (search): FilterValues<typeof ROLE_FIELDS> & NewSearch => ({
    ...readTexts(KEYS, search),
    ...(search.create === true && { create: true as const }),
    ...(typeof search.from === "string" && search.from && { from: search.from }),
  }),
  component: Roles,
});

const CRUMB = { to: "/admin", label: "Administration" };

function Roles() {
  const { create, from } = Route.useSearch();
  return create ? <NewRole from={from} /> : <List />;
}

function NewRole({ from }: { from: string | undefined }) {
  const navigate = Route.useNavigate();
  const copied = useQuery(RoleService.method.getRole, from ? { name: `roles/${from}` } : skipToken);
  const editor = (
    <RoleEditor
      from={copied.data}
      onDone={(name) => {
        const place = routeOf(name);
        if (place) void navigate({ ...place, search: {} });
      }}
      onCancel={() => void navigate({ search: {} })}
    />
  );
  return (
    <Page
      title={from ? `Copy the role ${copied.data?.displayName ?? from}` : "Create a role"}
      lead="A role is defined once for all business units, and holds where it is given."
      crumbs={[CRUMB, { to: "/admin/roles", label: "Roles" }]}
    >
      {from ? (
        <QueryView query={copied} title="The role could not be read">
          {() => editor}
        </QueryView>
      ) : (
        editor
      )}
    </Page>
  );
}

function List() {
  const navigate = Route.useNavigate();
  return (
    <CollectionPage
      title="Roles"
      lead="Named sets of permissions. Those that are built in stay as they are; copy one to have it your way."
      types={["role"]}
      creation={{
        what: "a role",
        permission: "platform:roles:create",
        onStart: () => void navigate({ search: { create: true } }),
      }}
      noun="roles"
      method={RoleService.method.listRoles}
      rowsOf={(page) => page.roles}
      fields={ROLE_FIELDS}
      columns={ROLE_COLUMNS}
      compact={compactRole}
      empty="There is no role here."
      command="flagstone roles list"
    />
  );
}
