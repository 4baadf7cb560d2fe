import { useInfiniteQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { useTotal } from "~/components/list/use-total";
import { CreateOrganization } from "~/components/organization/organization-form";
import {
  compactOrganization,
  ORGANIZATION_COLUMNS,
  ORGANIZATION_FIELDS,
} from "~/components/organization/organization-list";
import { Page } from "~/components/page";
import { OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { Button } from "~/ui/button";

const KEYS: Record<keyof typeof ORGANIZATION_FIELDS, true> = { q: true, active: true };

export const Route = createFileRoute("/_app/admin/organizations/")({
  validateSearch: (search): FilterValues<typeof ORGANIZATION_FIELDS> => readTexts(KEYS, search),
  component: Organizations,
});

const CREATE = "platform:organizations:create";

function Organizations() {
  const navigate = Route.useNavigate();
  const [isCreating, setIsCreating] = useState(false);
  const [filters, setFilters, clear] = useFilters(ORGANIZATION_FIELDS);
  useLive({ types: ["organization"] });
  const filter = toFilter(ORGANIZATION_FIELDS, filters);
  const method = OrganizationService.method.listOrganizations;
  const input = { filter, pageSize: PAGE_SIZE, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.organizations);
  const counted = useTotal(method, list.more.has ? { filter, pageSize: 1, includeTotal: true } : skipToken);
  // A list that is refused is not asked for again.
  const isThere = !list.isLoading && list.error == null;
  const base = useTotal(method, isThere ? { pageSize: 1, includeTotal: true } : skipToken);
  const [columns, columnsMenu] = useColumns("organizations", ORGANIZATION_COLUMNS);
  const reason = useChecks([{ permission: CREATE, object: "" }]).reason(CREATE, "");
  const create = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={() => setIsCreating(true)}
    >
      Create organization
    </Button>
  );
  return (
    <Page
      title="Organizations"
      lead="The tenants of this installation. Operators see what they are called and whether they are active, and nothing inside."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          {create}
          {reason && <WhyNot permission={CREATE} object="" action="create an organization" />}
        </>
      }
    >
      <FilterBar fields={ORGANIZATION_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Organizations"
        noun="organizations"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compactOrganization}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        controls={columnsMenu}
        empty={
          <EmptyState action={create} command="flagstone organizations list">
            There is no organization.
          </EmptyState>
        }
      />
      {isCreating && (
        <CreateOrganization
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
