import { useInfiniteQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { CreateGroup } from "~/components/group/group-form";
import { compactGroup, GROUP_COLUMNS, GROUP_FIELDS } from "~/components/group/group-list";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { useTotal } from "~/components/list/use-total";
import { Page } from "~/components/page";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";

const KEYS: Record<keyof typeof GROUP_FIELDS, true> = { q: true, member: true };

export const Route = createFileRoute("/_app/admin/groups/")({
  validateSearch: (search): FilterValues<typeof GROUP_FIELDS> => readTexts(KEYS, search),
  component: Groups,
});

const CREATE = "platform:groups:create";
const CREATE_IN_UNIT = "business_unit:groups:create";
const EVERYWHERE = "businessUnits/-";

function Groups() {
  const navigate = Route.useNavigate();
  const [isCreating, setIsCreating] = useState(false);
  const [filters, setFilters, clear] = useFilters(GROUP_FIELDS);
  useLive({ types: ["group"] });
  const filter = toFilter(GROUP_FIELDS, filters);
  const method = GroupService.method.listGroups;
  const input = { parent: EVERYWHERE, filter, pageSize: PAGE_SIZE, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.groups);
  const counted = useTotal(
    method,
    list.more.has ? { parent: EVERYWHERE, filter, pageSize: 1, includeTotal: true } : skipToken,
  );
  // A list that is refused is not asked for again.
  const isThere = !list.isLoading && list.error == null;
  const base = useTotal(method, isThere ? { parent: EVERYWHERE, pageSize: 1, includeTotal: true } : skipToken);
  const [columns, columnsMenu] = useColumns("groups", GROUP_COLUMNS);
  const checks = useChecks([
    { permission: CREATE, object: "" },
    { permission: CREATE_IN_UNIT, object: EVERYWHERE },
  ]);
  const reason = checks.may(CREATE_IN_UNIT, EVERYWHERE) ? undefined : checks.reason(CREATE, "");
  const create = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={() => setIsCreating(true)}
    >
      Create group
    </Button>
  );
  return (
    <Page
      title="Groups"
      lead="Who may do things together. A role that is bound to a group holds for all of its members."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          {create}
          {reason && <WhyNot permission={CREATE} object="" action="create a group" />}
        </>
      }
    >
      <FilterBar fields={GROUP_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Groups"
        noun="groups"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compactGroup}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        controls={columnsMenu}
        empty={
          <EmptyState action={create} command="flagstone groups list">
            There is no group yet. With one, a role is given once and holds for everybody in it.
          </EmptyState>
        }
      />
      {isCreating && (
        <CreateGroup
          onClose={() => setIsCreating(false)}
          onDone={(name) => {
            const place = routeOf(name);
            if (place) void navigate({ ...place, search: {} });
          }}
        />
      )}
    </Page>
  );
}
