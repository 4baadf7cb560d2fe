// The inbox: what waits for a decision, made for the keyboard. The list stays while one looks and decides.

import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useLive } from "~/api/live";
import { ApprovalDetail, ApprovalLead } from "~/components/approval/approval-detail";
import { EmptyState } from "~/components/empty-state";
import { Page } from "~/components/page";
import { PlanCounts } from "~/components/plan/plan-counts";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { type Approval, ApprovalService, ApprovalState } from "~/gen/flagstone/v1/approval_service_pb";
import { cn } from "~/lib/cn";
import { allOf, oneOf, quoted } from "~/lib/filter";
import { idOf } from "~/lib/names";
import { useRegisterActions } from "~/lib/shortcuts";
import { ALL_UNITS, useParent } from "~/lib/unit";
import { Button } from "~/ui/button";
import { Tabs } from "~/ui/tabs";

const TABS = ["mine", "pending", "decided"] as const;
type Tab = (typeof TABS)[number];

type InboxSearch = {
  tab?: Tab;
  /** The id of the approval beside the list. */
  selected?: string;
};

export const Route = createFileRoute("/_app/approvals/")({
  validateSearch: (search): InboxSearch => ({
    ...(TABS.includes(search.tab as Tab) && search.tab !== "mine" ? { tab: search.tab as Tab } : {}),
    ...(typeof search.selected === "string" ? { selected: search.selected } : {}),
  }),
  component: Inbox,
});

const DECIDED = ["APPROVED", "REJECTED", "EXPIRED", "WITHDRAWN", "SUPERSEDED"];

const EMPTY: Record<Tab, string> = {
  mine: "Nothing waits for you. What only others may decide is under “All pending”.",
  pending: "Nothing waits for a decision.",
  decided: "Nothing was decided yet. Approvals appear here once somebody, or their policy, has decided.",
};

/** Beside the list there is only room on wide screens; elsewhere an approval is a page of its own. */
const isWide = () => window.matchMedia("(width >= 1120px)").matches;

function useApprovals(filter: string, pageSize: number) {
  return useInfiniteQuery(
    ApprovalService.method.listApprovals,
    { pageSize, filter, pageToken: "", includeTotal: true },
    { pageParamKey: "pageToken", getNextPageParam: (last) => last.nextPageToken || undefined },
  );
}

function Inbox() {
  const { tab = "mine", selected } = Route.useSearch();
  const navigate = Route.useNavigate();
  const parent = useParent();
  const unit = idOf(parent) !== ALL_UNITS && `business_unit = ${quoted(parent)}`;
  useLive({ types: ["approval", "request"] });

  const pending = useApprovals(allOf("state = PENDING", unit), 200);
  const decided = useApprovals(allOf(oneOf("state", DECIDED), unit), 50);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pending;
  // Which of them wait for me, only the whole list can tell.
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  const all = pending.data?.pages.flatMap(({ approvals }) => approvals);
  const mine = all?.filter(({ canDecide }) => canDecide);
  const past = decided.data?.pages.flatMap(({ approvals }) => approvals);
  const rows = { mine, pending: all, decided: past }[tab];
  const query = tab === "decided" ? decided : pending;

  const list = useRef<HTMLUListElement>(null);
  const select = (id: string | undefined) =>
    void navigate({ search: (before) => ({ ...before, selected: id }), replace: true, resetScroll: false });
  const index = rows?.findIndex(({ name }) => idOf(name) === selected) ?? -1;
  const move = (by: number) => {
    const next = rows?.[Math.min(Math.max(index + by, 0), rows.length - 1)];
    if (!next) return;
    if (isWide()) select(idOf(next.name));
    list.current?.querySelector<HTMLElement>(`[data-approval="${idOf(next.name)}"]`)?.focus();
  };
  useRegisterActions(
    rows && rows.length > 0
      ? [
          { label: "Next approval", group: "List", keys: "j", run: () => move(1) },
          { label: "Previous approval", group: "List", keys: "k", run: () => move(-1) },
        ]
      : [],
  );
  // What was decided leaves the list: the one after it takes its place.
  const onDecided = () => {
    if (tab === "decided") return;
    const next = rows?.[index + 1] ?? rows?.[index - 1];
    select(next && idOf(next.name));
  };

  return (
    <Page title="Approvals">
      <Tabs<Tab>
        label="Approvals"
        items={[
          { id: "mine", label: "Waiting for me", count: mine?.length },
          { id: "pending", label: "All pending", count: pending.data?.pages[0]?.totalSize },
          { id: "decided", label: "Decided", count: decided.data?.pages[0]?.totalSize },
        ]}
        value={tab}
        onChange={(id) => void navigate({ search: (before) => ({ ...before, tab: id, selected: undefined }) })}
      >
        <QueryView query={{ ...query, data: rows }} title="The approvals could not be read">
          {(approvals) =>
            approvals.length === 0 && !selected ? (
              <EmptyState>{EMPTY[tab]}</EmptyState>
            ) : (
              <div className={cn("grid items-start gap-6", selected && "lg:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]")}>
                <div className="min-w-0">
                  {approvals.length === 0 && <p className="py-2 text-muted">{EMPTY[tab]}</p>}
                  <ul ref={list} aria-label="Approvals" className="flex flex-col">
                    {approvals.map((approval) => (
                      <Row
                        key={approval.name}
                        approval={approval}
                        isSelected={idOf(approval.name) === selected}
                        select={select}
                      />
                    ))}
                  </ul>
                  {tab === "decided" && decided.hasNextPage && (
                    <div className="flex justify-center py-3">
                      <Button
                        size="sm"
                        busy={decided.isFetchingNextPage && "Loading more"}
                        onClick={() => void decided.fetchNextPage()}
                      >
                        Load more
                      </Button>
                    </div>
                  )}
                </div>
                {selected && (
                  <Panel key={selected} id={selected} onDecided={onDecided} close={() => select(undefined)} />
                )}
              </div>
            )
          }
        </QueryView>
      </Tabs>
    </Page>
  );
}

function Row({
  approval,
  isSelected,
  select,
}: {
  approval: Approval;
  isSelected: boolean;
  select: (id: string) => void;
}) {
  const { name, requestCode, requestTitle, requester, tier, state, plan, createTime, canDecide } = approval;
  const id = idOf(name);
  return (
    <li className="border-line border-b">
      <Link
        to="/approvals/$approval"
        params={{ approval: id }}
        data-approval={id}
        aria-current={isSelected ? "true" : undefined}
        className={cn(
          "flex h-14 flex-col justify-center gap-0.5 px-2 outline-offset-[-2px] hover:bg-hover",
          isSelected && "bg-active",
        )}
        onClick={(event) => {
          // The keyboard's Enter has no pointer (detail 0): it opens the page, as does a click with a modifier.
          if (event.detail === 0 || event.metaKey || event.ctrlKey || event.shiftKey || !isWide()) return;
          event.preventDefault();
          select(id);
        }}
      >
        <span className="flex items-center gap-2">
          <span className="shrink-0 font-mono text-muted text-sm">{requestCode}</span>
          <span className="min-w-0 flex-1 truncate font-medium" dir="auto">
            {requestTitle}
          </span>
          {plan && <PlanCounts summary={plan} />}
        </span>
        <span className="flex items-center gap-2 overflow-hidden text-muted text-sm">
          <TierBadge tier={tier} />
          {state === ApprovalState.PENDING ? (
            !canDecide && <span className="whitespace-nowrap">for others</span>
          ) : (
            <StateBadge kind="approval" state={state} />
          )}
          <PrincipalChip name={requester} />
          <span className="ml-auto">
            <RelativeTime time={createTime} />
          </span>
        </span>
      </Link>
    </li>
  );
}

/** The selected approval beside the list, on wide screens. */
function Panel({ id, onDecided, close }: { id: string; onDecided: () => void; close: () => void }) {
  const query = useQuery(ApprovalService.method.getApproval, { name: `approvals/${id}` });
  useRegisterActions([{ label: "Close the panel", group: "List", keys: "Escape", run: close }]);
  return (
    <aside
      aria-label="Selected approval"
      className="sticky top-16 hidden max-h-[calc(100dvh-192px)] flex-col overflow-y-auto rounded-md border border-line lg:flex"
    >
      <div className="flex flex-1 flex-col gap-4 px-4 py-3">
        <QueryView query={query} title="The approval could not be read" lines={10}>
          {(approval) => (
            <>
              <div className="flex flex-col gap-1">
                <h2 className="flex flex-wrap items-center gap-2 font-semibold text-lg">
                  <span dir="auto">{approval.requestTitle}</span>
                  <StateBadge kind="approval" state={approval.state} />
                  <TierBadge tier={approval.tier} />
                </h2>
                <div className="text-muted">
                  <ApprovalLead approval={approval} />
                </div>
                <ResourceName name={approval.name}>Open as a page</ResourceName>
              </div>
              <ApprovalDetail approval={approval} onDecided={onDecided} inPanel />
            </>
          )}
        </QueryView>
      </div>
    </aside>
  );
}
