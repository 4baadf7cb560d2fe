import type { PlanSummary } from "~/gen/flagstone/v1/request_service_pb";
import { formatNumber } from "~/lib/format";

/** A plan's counts in a few characters, said in words to those who listen. */
export function PlanCounts({ summary: { add, change, destroy } }: { summary: PlanSummary }) {
  const words = `${formatNumber(add)} to create, ${formatNumber(change)} to change, ${formatNumber(destroy)} to destroy`;
  return (
    <span className="inline-flex gap-2 font-medium text-sm tabular-nums" title={words}>
      <span className="sr-only">{words}</span>
      <span aria-hidden className={add > 0 ? "text-succeeded" : "text-muted"}>
        +{formatNumber(add)}
      </span>
      <span aria-hidden className={change > 0 ? "text-waiting" : "text-muted"}>
        ~{formatNumber(change)}
      </span>
      <span aria-hidden className={destroy > 0 ? "text-failed" : "text-muted"}>
        −{formatNumber(destroy)}
      </span>
    </span>
  );
}
