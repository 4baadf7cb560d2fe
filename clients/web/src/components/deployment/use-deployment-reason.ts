import { useChecks } from "~/components/access/use-checks";
import type { Deployment } from "~/gen/flagstone/v1/deployment_service_pb";
import { permissionFor, stateReason } from "~/lib/deployment-words";
import { useMe, usePermissions } from "~/lib/me";
import { unitOf } from "~/lib/names";

const CREATE = "business_unit:requests:create";

export interface DeploymentReason {
  /** Why it cannot be asked for: its state, or what is not granted. */
  reason: string | undefined;
  /** The permission that is missing, and on what, where that is why. */
  denied: { permission: string; object: string } | undefined;
}

/** Why a deployment cannot be changed or destroyed by the caller now. */
export function useDeploymentReason(action: "update" | "delete", deployment: Deployment): DeploymentReason {
  const { name, tier, owner } = deployment;
  const me = useMe();
  const { holds } = usePermissions();
  const unit = `businessUnits/${unitOf(name)}`;
  // All that the page of a deployment offers, so that its controls ask once.
  const update = { permission: permissionFor("update", tier), object: name };
  const remove = { permission: permissionFor("delete", tier), object: name };
  const request = { permission: CREATE, object: `${unit}/requests` };
  const checks = useChecks([request, update, remove]);
  const wanted = action === "update" ? update : remove;
  // What is one's own is not only for those of its team (rule 7).
  const isOwn = me?.name === owner && holds(`user:deployments:${action}:own`) && holds(wanted.permission, unit);
  const missing = [request, ...(isOwn ? [] : [wanted])].find((one) => !checks.may(one.permission, one.object));
  return {
    reason: stateReason(action, deployment) ?? (missing && checks.reason(missing.permission, missing.object)),
    denied: missing,
  };
}
