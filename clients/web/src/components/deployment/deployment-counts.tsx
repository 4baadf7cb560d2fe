// How many deployments an environment has, by what state they are in: each number leads to its list.

import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { formatTotal } from "~/components/list/list-view";
import { DeploymentService } from "~/gen/flagstone/v1/deployment_service_pb";
import { allOf, quoted } from "~/lib/filter";
import { unitOf } from "~/lib/names";
import { IN_USE, UNDER_WAY } from "./deployment-list";

/** What is counted. */
export const COUNTED = [
  { id: "use", label: "In use", state: undefined },
  { id: "way", label: "Under way", state: UNDER_WAY },
  { id: "failed", label: "Failed", state: "FAILED,DELETE_FAILED" },
] as const;

export type Counted = (typeof COUNTED)[number];

/** One number. The list answers it, since there is no call that counts by state. */
export function DeploymentCount({ environment, counted: { label, state } }: { environment: string; counted: Counted }) {
  const unit = unitOf(environment);
  const states = state?.split(",").map((one) => `state = ${one}`);
  const filter = allOf(`environment = ${quoted(environment)}`, states ? `(${states.join(" OR ")})` : IN_USE);
  const { data, error } = useQuery(
    DeploymentService.method.listDeployments,
    { parent: `businessUnits/${unit}`, filter, pageSize: 1, includeTotal: true },
    { staleTime: 15_000 },
  );
  if (error) return <span title="This number could not be read.">?</span>;
  if (!data) return <span className="text-muted">…</span>;
  if (data.totalSize === 0) return <span className="text-muted">0</span>;
  return (
    <Link
      to="/deployments"
      search={{ unit, environment, state }}
      aria-label={`${label}: ${formatTotal(data.totalSize)}`}
      className="font-medium text-accent-strong hover:underline"
    >
      {formatTotal(data.totalSize)}
    </Link>
  );
}
