import { useInfiniteQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { CreateUnit } from "~/components/business-unit/unit-form";
import { compactUnit, UNIT_COLUMNS, UNIT_FIELDS } from "~/components/business-unit/unit-list";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { useTotal } from "~/components/list/use-total";
import { Page } from "~/components/page";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";

const KEYS: Record<keyof typeof UNIT_FIELDS, true> = { q: true, active: true };

export const Route = createFileRoute("/_app/admin/business-units/")({
  validateSearch: (search): FilterValues<typeof UNIT_FIELDS> => readTexts(KEYS, search),
  component: BusinessUnits,
});

const CREATE = "platform:business_units:create";

function BusinessUnits() {
  const navigate = Route.useNavigate();
  const [isCreating, setIsCreating] = useState(false);
  const [filters, setFilters, clear] = useFilters(UNIT_FIELDS);
  useLive({ types: ["business_unit"] });
  const filter = toFilter(UNIT_FIELDS, filters);
  const method = BusinessUnitService.method.listBusinessUnits;
  const input = { filter, pageSize: PAGE_SIZE, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.businessUnits);
  const counted = useTotal(method, list.more.has ? { filter, pageSize: 1, includeTotal: true } : skipToken);
  // A list that is refused is not asked for again.
  const isThere = !list.isLoading && list.error == null;
  const base = useTotal(method, isThere ? { pageSize: 1, includeTotal: true } : skipToken);
  const [columns, columnsMenu] = useColumns("business-units", UNIT_COLUMNS);
  const reason = useChecks([{ permission: CREATE, object: "" }]).reason(CREATE, "");
  const create = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={() => setIsCreating(true)}
    >
      Create business unit
    </Button>
  );
  return (
    <Page
      title="Business units"
      lead="Divisions of the organization: each has its own members, groups, environments and deployments."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          {create}
          {reason && <WhyNot permission={CREATE} object="" action="create a business unit" />}
        </>
      }
    >
      <FilterBar fields={UNIT_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Business units"
        noun="business units"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compactUnit}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        controls={columnsMenu}
        empty={
          <EmptyState action={create} command="flagstone units list">
            There is no business unit that you may read. Work begins with one.
          </EmptyState>
        }
      />
      {isCreating && (
        <CreateUnit
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
