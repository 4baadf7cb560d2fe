import { useInfiniteQuery } from "@connectrpc/connect-query";
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
import { SortField } from "~/components/list/sort-field";
import { useTotal } from "~/components/list/use-total";
import { Page } from "~/components/page";
import { CreateAccount } from "~/components/service-account/account-form";
import { ACCOUNT_COLUMNS, ACCOUNT_FIELDS, compactAccount } from "~/components/service-account/account-list";
import { ServiceAccountService } from "~/gen/flagstone/v1/service_account_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { routeOf } from "~/lib/names";
import { BY_CREATION, readSort, type SortSearch, useSort } from "~/lib/sort";
import { Button } from "~/ui/button";

const KEYS: Record<keyof typeof ACCOUNT_FIELDS, true> = { q: true, kind: true, active: true };

export const Route = createFileRoute("/_app/admin/service-accounts/")({
  validateSearch: (search): FilterValues<typeof ACCOUNT_FIELDS> & SortSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_CREATION, search),
  }),
  component: ServiceAccounts,
});

const MANAGE = "platform:service_accounts:manage";

function ServiceAccounts() {
  const navigate = Route.useNavigate();
  const [isCreating, setIsCreating] = useState(false);
  const [filters, setFilters, clear] = useFilters(ACCOUNT_FIELDS);
  const sorting = useSort(BY_CREATION);
  useLive({ types: ["service_account"] });
  const filter = toFilter(ACCOUNT_FIELDS, filters);
  const method = ServiceAccountService.method.listServiceAccounts;
  const input = { filter, orderBy: sorting.order, pageSize: PAGE_SIZE, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.serviceAccounts);
  const counted = useTotal(method, { filter, pageSize: 1, includeTotal: true });
  const base = useTotal(method, { pageSize: 1, includeTotal: true });
  const [columns, columnsMenu] = useColumns("service-accounts", ACCOUNT_COLUMNS);
  const reason = useChecks([{ permission: MANAGE, object: "" }]).reason(MANAGE, "");
  const create = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={() => setIsCreating(true)}
    >
      Create service account
    </Button>
  );
  return (
    <Page
      title="Service accounts"
      lead="Programs that act under a name of their own: what one may do comes from its roles, and it comes in with a token."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          {create}
          {reason && <WhyNot permission={MANAGE} object="" action="create a service account" />}
        </>
      }
    >
      <FilterBar fields={ACCOUNT_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Service accounts"
        noun="service accounts"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compactAccount}
        rowKey={({ name }) => name}
        place={({ name }) => routeOf(name)}
        sorting={sorting}
        controls={
          <>
            <SortField sorting={sorting} orders={BY_CREATION} always />
            {columnsMenu}
          </>
        }
        empty={
          <EmptyState action={create} command="flagstone service-accounts list">
            There is no service account yet. A program that calls Flagstone gets one, so that nobody’s own account has
            to be lent to it.
          </EmptyState>
        }
      />
      {isCreating && (
        <CreateAccount
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
