import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useMemo } from "react";
import { useLive } from "~/api/live";
import { AuditEventPanel, eventKey, useEvent } from "~/components/audit/audit-event-panel";
import { useAuditExport } from "~/components/audit/audit-export";
import { AUDIT_COLUMNS, AUDIT_FIELDS, COLUMNS_BESIDE_EVENT, compactEvent } from "~/components/audit/audit-list";
import { EmptyState } from "~/components/empty-state";
import { useColumns } from "~/components/list/columns-menu";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { SortField } from "~/components/list/sort-field";
import { Page, Skeleton } from "~/components/page";
import { AuditService } from "~/gen/flagstone/v1/audit_service_pb";
import { cn } from "~/lib/cn";
import { allOf, type FilterValues, isFiltered, quoted, readTexts, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { idOf } from "~/lib/names";
import { BY_TIME, readSort, type SortSearch, useSort } from "~/lib/sort";
import { ALL_UNITS, useListParent } from "~/lib/unit";
import { Button } from "~/ui/button";
import { type TabItem, Tabs } from "~/ui/tabs";

// Two views of their own, of use to few.
const AuditStatistics = lazy(() =>
  import("~/components/audit/audit-stats").then((module) => ({ default: module.AuditStatistics })),
);
const AuditVerificationView = lazy(() =>
  import("~/components/audit/audit-verification").then((module) => ({ default: module.AuditVerificationView })),
);

const TABS = [
  { id: "events", label: "Events" },
  { id: "statistics", label: "Statistics" },
  { id: "verification", label: "Verification" },
] as const satisfies TabItem<string>[];
type Tab = (typeof TABS)[number]["id"];

interface AuditSearch {
  /** Absent for the events. */
  tab?: Exclude<Tab, "events">;
  /** The event beside the list, as `eventKey` makes it. */
  event?: string;
  /** How many days back the statistics go. */
  days?: number;
}

/** The statistics are of so many days where the address does not say. */
const DAYS = 30;

/** What the address may say of the filters. */
const KEYS: Record<keyof typeof AUDIT_FIELDS, true> = {
  q: true,
  outcome: true,
  principal: true,
  action: true,
  object: true,
  type: true,
  correlation: true,
  time: true,
};

export const Route = createFileRoute("/_app/admin/audit")({
  validateSearch: (search): FilterValues<typeof AUDIT_FIELDS> & SortSearch & AuditSearch => ({
    ...readTexts(KEYS, search),
    ...readSort(BY_TIME, search),
    ...(search.tab === "statistics" || search.tab === "verification" ? { tab: search.tab } : {}),
    ...(typeof search.event === "string" ? { event: search.event } : {}),
    ...(typeof search.days === "number" && search.days > 0 && search.days !== DAYS ? { days: search.days } : {}),
  }),
  component: Audit,
});

function useAuditCount(filter: string, isWanted: boolean) {
  const input = { filter, pageSize: 1, includeTotal: true };
  return useQuery(AuditService.method.listAuditEvents, isWanted ? input : skipToken).data?.totalSize;
}

function Audit() {
  const { tab = "events", days = DAYS } = Route.useSearch();
  const parent = useListParent();
  const navigate = Route.useNavigate();
  const isOfUnit = tab === "events" && parent !== undefined && parent !== `businessUnits/${ALL_UNITS}`;
  return (
    <Page
      title="Audit"
      lead={
        isOfUnit ? (
          <>
            What happened in business unit {idOf(parent)}. Logins and other events of the organization belong to no
            unit:{" "}
            <Link to="." search={(before) => ({ ...before, unit: ALL_UNITS })} className="text-accent-strong underline">
              show all events
            </Link>
            .
          </>
        ) : (
          "Who did what, when and with what outcome. Nothing here can be changed or deleted."
        )
      }
    >
      <Tabs
        label="Audit"
        items={TABS}
        value={tab}
        onChange={(next) =>
          void navigate({ search: (before) => ({ ...before, tab: next === "events" ? undefined : next }) })
        }
      >
        {tab === "events" && <Events />}
        <Suspense fallback={<Skeleton />}>
          {tab === "statistics" && (
            <AuditStatistics
              days={days}
              onDays={(next) => void navigate({ search: (before) => ({ ...before, days: next }), replace: true })}
            />
          )}
          {tab === "verification" && (
            <AuditVerificationView
              onOpen={(event) =>
                void navigate({ search: (before) => ({ ...before, tab: undefined, event: idOf(event) }) })
              }
            />
          )}
        </Suspense>
      </Tabs>
    </Page>
  );
}

function Events() {
  const parent = useListParent();
  const { event: open } = Route.useSearch();
  const navigate = Route.useNavigate();
  const [filters, setFilters, clearFilters] = useFilters(AUDIT_FIELDS);
  const sorting = useSort(BY_TIME);
  // Whatever changes is audited; what changes nothing, a login or a refusal, appears when the list is read again.
  useLive({ parent });
  const isAll = parent === `businessUnits/${ALL_UNITS}`;
  const ofUnit = parent !== undefined && !isAll ? `business_unit = ${quoted(parent)}` : "";
  const filter = allOf(ofUnit, toFilter(AUDIT_FIELDS, filters));
  const input = parent ? { filter, orderBy: sorting.order, pageSize: PAGE_SIZE, pageToken: "" } : skipToken;
  const query = useInfiniteQuery(AuditService.method.listAuditEvents, input, paged);
  const list = useListed(AuditService.method.listAuditEvents, input, query, (page) => page.auditEvents);
  const [columns, columnsMenu] = useColumns("audit", AUDIT_COLUMNS);

  const beside = useMemo(() => columns.slice(0, COLUMNS_BESIDE_EVENT), [columns]);
  const isThere = !list.isLoading;
  const counted = useAuditCount(filter, isThere && list.more.has);
  const base = useAuditCount(ofUnit, isThere);
  const total = list.more.has ? counted : list.rows.length;
  const isNewestFirst = sorting.order === BY_TIME[0]?.[0];
  const until = isNewestFirst && !list.isReplaced ? list.rows[0]?.time : undefined;
  const { button, notice } = useAuditExport({ filter, orderBy: sorting.order, until, total });

  const show = useCallback(
    (event: string | undefined) =>
      void navigate({ search: (before) => ({ ...before, event }), replace: true, resetScroll: false }),
    [navigate],
  );
  const close = useCallback(() => {
    show(undefined);
    document.querySelector<HTMLElement>('tr[aria-current="true"]')?.focus({ preventScroll: true });
  }, [show]);
  const shown = useEvent(open, list.rows);
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <FilterBar fields={AUDIT_FIELDS} values={filters} onChange={setFilters} />
      {notice}
      <div className={cn("grid items-start gap-4", open !== undefined && "xl:grid-cols-[minmax(0,1fr)_420px]")}>
        <ListView
          label="Audit events"
          noun="events"
          list={list}
          total={total}
          base={base}
          isFiltered={isFiltered(filters)}
          onClear={clearFilters}
          columns={open === undefined ? columns : beside}
          compact={compactEvent}
          rowKey={eventKey}
          onOpen={(event) => show(eventKey(event))}
          openKey={open}
          sorting={sorting}
          controls={
            <>
              {button}
              <Button size="sm" variant="ghost" onClick={list.reload}>
                Read again
              </Button>
              <SortField sorting={sorting} orders={BY_TIME} />
              {columnsMenu}
            </>
          }
          empty={
            <EmptyState command="flagstone audit list">
              Nothing has happened here yet. Every change and every refusal is recorded with who, when and from where.
            </EmptyState>
          }
        />
        {open !== undefined && <AuditEventPanel {...shown} onClose={close} />}
      </div>
    </div>
  );
}
