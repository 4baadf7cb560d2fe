// What a list of audit events shows of each, and what it can be filtered by.

import { CircleCheck, CircleX, Lock, type LucideIcon } from "lucide-react";
import { ExactTime } from "~/components/exact-time";
import type { Column } from "~/components/list/data-table";
import { PrincipalChip } from "~/components/principal-chip";
import { ResourceName } from "~/components/resource-name";
import { AUDIT_ACTIONS } from "~/gen/audit-actions";
import { type AuditEvent, AuditOrigin, AuditOutcome } from "~/gen/flagstone/v1/audit_service_pb";
import { cn } from "~/lib/cn";
import type { FilterFields } from "~/lib/filter";
import { formatDuration, formatNumber } from "~/lib/format";
import { unitOf } from "~/lib/names";

const OUTCOMES: Partial<Record<AuditOutcome, { word: string; icon: LucideIcon; classes: string }>> = {
  [AuditOutcome.SUCCESS]: { word: "Done", icon: CircleCheck, classes: "text-succeeded" },
  [AuditOutcome.FAILURE]: { word: "Failed", icon: CircleX, classes: "text-failed" },
  [AuditOutcome.DENIED]: { word: "Denied", icon: Lock, classes: "text-failed" },
};

const ORIGINS: Partial<Record<AuditOrigin, string>> = {
  [AuditOrigin.UI]: "Browser",
  [AuditOrigin.API]: "API",
  [AuditOrigin.CLI]: "Command line",
  [AuditOrigin.RUNNER]: "Runner",
  [AuditOrigin.SYSTEM]: "Flagstone",
};

export const AUDIT_FIELDS = {
  q: { kind: "search", label: "Text", field: "text" },
  outcome: {
    kind: "choice",
    label: "Outcome",
    field: "outcome",
    options: Object.entries(OUTCOMES).map(([outcome, { word }]) => ({
      value: AuditOutcome[Number(outcome)] ?? "",
      label: word,
    })),
  },
  principal: { kind: "person", label: "Principal", field: "principal" },
  action: {
    kind: "exact",
    label: "Action",
    field: "action",
    placeholder: "request.create",
    suggestions: AUDIT_ACTIONS,
  },
  object: { kind: "exact", label: "Object", field: "object", placeholder: "businessUnits/…/deployments/…" },
  type: {
    kind: "exact",
    label: "Object type",
    field: "object_type",
    placeholder: "deployment",
    suggestions: [
      "api_token",
      "approval",
      "approval_policy",
      "business_unit",
      "deployment",
      "group",
      "invitation",
      "job",
      "organization",
      "request",
      "role",
      "role_binding",
      "runner",
      "service_account",
      "session",
      "signing_key",
      "sso_provider",
      "team",
      "user",
    ],
  },
  correlation: {
    kind: "exact",
    label: "Correlation id",
    field: "correlation_id",
    placeholder: "The id that an error shows",
  },
  time: { kind: "time", label: "Time", field: "time" },
} as const satisfies FilterFields;

export function OutcomeMark({ outcome }: { outcome: AuditOutcome }) {
  const look = OUTCOMES[outcome];
  if (!look) return <>Unknown</>;
  const { word, icon: Icon, classes } = look;
  return (
    <span className={cn("inline-flex items-center gap-1 align-bottom font-medium", classes)}>
      <Icon aria-hidden className="size-3.5" />
      {word}
    </span>
  );
}

export function originWord(origin: AuditOrigin): string {
  return ORIGINS[origin] ?? "Unknown";
}

/** The object without its unit: the last part alone says too little of a version or a revision. */
const object = ({ object }: AuditEvent) =>
  object && (
    <ResourceName name={object}>
      <span className="font-mono text-sm">{object.replace(/^businessUnits\/[^/]+\/(?=.)/, "")}</span>
    </ResourceName>
  );

/** The columns; the first five are those beside an open event. */
export const AUDIT_COLUMNS: readonly Column<AuditEvent>[] = [
  {
    id: "time",
    header: "Time",
    width: "148px",
    orders: { ascending: "time", descending: "time desc" },
    cell: ({ time }) => <ExactTime time={time} />,
  },
  { id: "principal", header: "Principal", width: "108px", cell: ({ principal }) => <PrincipalChip name={principal} /> },
  { id: "action", header: "Action", width: "172px", cell: ({ action }) => <code title={action}>{action}</code> },
  { id: "outcome", header: "Outcome", width: "84px", cell: ({ outcome }) => <OutcomeMark outcome={outcome} /> },
  { id: "object", header: "Object", cell: object },
  { id: "type", header: "Type", width: "116px", from: "lg", cell: ({ objectType }) => objectType },
  { id: "unit", header: "Business unit", width: "112px", from: "lg", cell: ({ businessUnit }) => unitOf(businessUnit) },
  {
    id: "seq",
    header: "Entry",
    width: "80px",
    from: "xl",
    align: "end",
    cell: ({ seq }) => (seq > 0n ? formatNumber(seq) : <span className="text-muted">Not sealed</span>),
  },
  { id: "origin", header: "Origin", width: "108px", from: "xl", cell: ({ origin }) => originWord(origin) },
  {
    id: "duration",
    header: "Duration",
    width: "84px",
    from: "xl",
    align: "end",
    cell: ({ duration }) => duration && formatDuration(duration),
  },
];

export const COLUMNS_BESIDE_EVENT = 5;

export function compactEvent(event: AuditEvent) {
  return {
    first: (
      <>
        <code>{event.action}</code>
        <OutcomeMark outcome={event.outcome} />
      </>
    ),
    second: (
      <>
        <PrincipalChip name={event.principal} />
        <ExactTime time={event.time} />
      </>
    ),
  };
}
