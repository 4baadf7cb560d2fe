import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { useTotal } from "~/components/list/use-total";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RoleEditor } from "~/components/role/role-editor";
import { compactRole, ROLE_COLUMNS, ROLE_FIELDS } from "~/components/role/role-list";
import { RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";

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

const CREATE = "platform:roles:create";
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
  const [filters, setFilters, clear] = useFilters(ROLE_FIELDS);
  useLive({ types: ["role"] });
  const filter = toFilter(ROLE_FIELDS, filters);
  const method = RoleService.method.listRoles;
  const input = { filter, pageSize: PAGE_SIZE, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.roles);
  const counted = useTotal(method, list.more.has ? { filter, pageSize: 1, includeTotal: true } : skipToken);
  // A list that is refused is not asked for again.
  const isThere = !list.isLoading && list.error == null;
  const base = useTotal(method, isThere ? { pageSize: 1, includeTotal: true } : skipToken);
  const [columns, columnsMenu] = useColumns("roles", ROLE_COLUMNS);
  const reason = useChecks([{ permission: CREATE, object: "" }]).reason(CREATE, "");
  return (
    <Page
      title="Roles"
      lead="Named sets of permissions. Those that are built in stay as they are; copy one to have it your way."
      crumbs={[CRUMB]}
      actions={
        <>
          <Button
            variant="primary"
            icon={<Plus aria-hidden className="size-4" />}
            reason={reason}
            onClick={() => void navigate({ search: { create: true } })}
          >
            Create role
          </Button>
          {reason && <WhyNot permission={CREATE} object="" action="create a role" />}
        </>
      }
    >
      <FilterBar fields={ROLE_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Roles"
        noun="roles"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compactRole}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        controls={columnsMenu}
        empty={<EmptyState command="flagstone roles list">There is no role here.</EmptyState>}
      />
    </Page>
  );
}
