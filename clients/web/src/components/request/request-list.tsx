// What a list of requests shows of each, and what it can be filtered by.

import { Link } from "@tanstack/react-router";
import type { Column } from "~/components/list/data-table";
import { PlanCounts } from "~/components/plan/plan-counts";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { type Request, RequestKind, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import type { FilterFields } from "~/lib/filter";
import { stateOptions, TIER_OPTIONS } from "~/lib/filter-options";
import { sentence } from "~/lib/format";
import type { Place } from "~/lib/names";

export const REQUEST_FIELDS = {
  q: { kind: "search", label: "Title", field: "title" },
  state: { kind: "choice", label: "State", field: "state", options: stateOptions("request", RequestState) },
  tier: { kind: "choice", label: "Tier", field: "tier", options: TIER_OPTIONS },
  kind: {
    kind: "choice",
    label: "Kind",
    field: "kind",
    options: [RequestKind.CREATE, RequestKind.UPDATE, RequestKind.DESTROY].map((kind) => ({
      value: RequestKind[kind],
      label: sentence(RequestKind[kind]),
    })),
  },
  environment: { kind: "object", label: "Environment", field: "environment" },
  requester: { kind: "person", label: "Requester", field: "requester" },
  created: { kind: "time", label: "Created", field: "create_time" },
} as const satisfies FilterFields;

/** The page of a request, by the code that people use. */
export function requestPlace({ code }: Request): Place {
  return { to: "/requests/$code", params: { code } };
}

const title = (request: Request) => (
  <span dir="auto" title={request.title}>
    {request.title}
  </span>
);

export const REQUEST_COLUMNS: readonly Column<Request>[] = [
  {
    id: "code",
    header: "Code",
    width: "80px",
    cell: ({ code }) => (
      <Link to="/requests/$code" params={{ code }} className="font-mono text-accent-strong text-sm hover:underline">
        {code}
      </Link>
    ),
  },
  { id: "title", header: "Title", cell: title },
  { id: "state", header: "State", width: "136px", cell: ({ state }) => <StateBadge kind="request" state={state} /> },
  { id: "kind", header: "Kind", width: "72px", from: "lg", cell: ({ kind }) => sentence(RequestKind[kind] ?? "") },
  { id: "tier", header: "Tier", width: "108px", cell: ({ tier }) => <TierBadge tier={tier} /> },
  {
    id: "deployment",
    header: "Deployment",
    width: "15%",
    from: "lg",
    cell: ({ deployment }) => <ResourceName name={deployment} />,
  },
  {
    id: "plan",
    header: "Plan",
    width: "96px",
    from: "xl",
    cell: ({ plan }) => plan && <PlanCounts summary={plan} />,
  },
  {
    id: "requester",
    header: "Requester",
    width: "108px",
    from: "md",
    cell: ({ requester }) => <PrincipalChip name={requester} />,
  },
  {
    id: "created",
    header: "Created",
    width: "108px",
    orders: { ascending: "create_time", descending: "create_time desc" },
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export function compactRequest(request: Request) {
  return {
    first: (
      <>
        {title(request)}
        <StateBadge kind="request" state={request.state} />
      </>
    ),
    second: (
      <>
        <span className="font-mono">{request.code}</span>
        <TierBadge tier={request.tier} />
        <PrincipalChip name={request.requester} />
        <RelativeTime time={request.createTime} />
      </>
    ),
  };
}
