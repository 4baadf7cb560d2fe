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
import { AddRunner } from "~/components/runner/add-runner";
import { compactRunner, MANAGE_RUNNERS, RUNNER_COLUMNS, RUNNER_FIELDS } from "~/components/runner/runner-list";
import { RunnerService } from "~/gen/flagstone/v1/runner_service_pb";
import { type FilterValues, isFiltered, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { BY_CREATION, readSort, type SortSearch, useSort } from "~/lib/sort";
import { Button } from "~/ui/button";

const KEYS: Record<keyof typeof RUNNER_FIELDS, true> = { q: true, state: true };

/** What a runner says of itself is no change: load and last seen are asked for again so often, in milliseconds. */
const AGAIN = 5_000;

export const Route = createFileRoute("/_app/admin/runners")({
  validateSearch: (search): FilterValues<typeof RUNNER_FIELDS> & SortSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_CREATION, search),
  }),
  component: Runners,
});

function Runners() {
  const [isAdding, setIsAdding] = useState(false);
  const [filters, setFilters, clear] = useFilters(RUNNER_FIELDS);
  const sorting = useSort(BY_CREATION);
  useLive({ types: ["runner", "job"] });
  const filter = toFilter(RUNNER_FIELDS, filters);
  const method = RunnerService.method.listRunners;
  const input = { filter, orderBy: sorting.order, pageSize: PAGE_SIZE, pageToken: "" };
  const query = useInfiniteQuery(method, input, { ...paged, refetchInterval: AGAIN });
  const list = useListed(method, input, query, (page) => page.runners);
  const counted = useTotal(method, { filter, pageSize: 1, includeTotal: true });
  const base = useTotal(method, { pageSize: 1, includeTotal: true });
  const [columns, columnsMenu] = useColumns("runners", RUNNER_COLUMNS);
  const reason = useChecks([{ permission: MANAGE_RUNNERS, object: "" }]).reason(MANAGE_RUNNERS, "");
  const add = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason}
      onClick={() => setIsAdding(true)}
    >
      Add a runner
    </Button>
  );
  return (
    <Page
      title="Runners"
      lead="What carries out plans: the runner inside each server, and those that joined from elsewhere."
      crumbs={[{ to: "/admin", label: "Administration" }]}
      actions={
        <>
          {add}
          {reason && <WhyNot permission={MANAGE_RUNNERS} object="" action="add a runner" />}
        </>
      }
    >
      <FilterBar fields={RUNNER_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Runners"
        noun="runners"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={columns}
        compact={compactRunner}
        rowKey={({ name }) => name}
        sorting={sorting}
        controls={
          <>
            <SortField sorting={sorting} orders={BY_CREATION} always />
            {columnsMenu}
          </>
        }
        empty={
          <EmptyState action={add} command="flagstone runners token">
            There is no runner, so nothing is planned or applied. Add one: it dials out from wherever it runs.
          </EmptyState>
        }
      />
      {isAdding && <AddRunner onClose={() => setIsAdding(false)} />}
    </Page>
  );
}
