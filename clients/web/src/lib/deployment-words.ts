// What can be said of a deployment, and what can be done with it now.

import type { JsonObject } from "@bufbuild/protobuf";
import { type Deployment, DeploymentState, type Output } from "~/gen/flagstone/v1/deployment_service_pb";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { RequestKind, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { jsonOf, MASK } from "./json-diff";

const UNDER_WAY = [RequestState.PLANNING, RequestState.PENDING_APPROVAL, RequestState.APPROVED, RequestState.APPLYING];

/** True where a request on it is on its way: no other one can begin. */
export function isUnderWay({ lastOperation }: Deployment): boolean {
  return lastOperation !== undefined && UNDER_WAY.includes(lastOperation.state);
}

const DOES: Partial<Record<RequestKind, string>> = {
  [RequestKind.CREATE]: "making it",
  [RequestKind.UPDATE]: "changing it",
  [RequestKind.DESTROY]: "destroying it",
};

/** "changing it". */
export function doingWords(kind: RequestKind): string {
  return DOES[kind] ?? "working on it";
}

/** The answer of its page, in one sentence. */
export function deploymentSentence(deployment: Deployment): string {
  const { state, currentRevision, lastOperation } = deployment;
  const live = currentRevision > 0 ? `Revision ${currentRevision} is live` : "Nothing is live";
  const failed = lastOperation?.state === RequestState.FAILED;
  switch (state) {
    case DeploymentState.PENDING:
      return "Nothing is made yet: its request is on its way.";
    case DeploymentState.PROVISIONING:
      return "It is being made.";
    case DeploymentState.ACTIVE:
      if (isUnderWay(deployment)) return `${live}; a request is on its way.`;
      return failed ? `${live}; the last request failed.` : `${live}.`;
    case DeploymentState.UPDATING:
      return `${live} and usable; it is being changed.`;
    case DeploymentState.FAILED:
      return "Making it failed, perhaps half way.";
    case DeploymentState.DELETING:
      return "It is being destroyed.";
    case DeploymentState.DELETE_FAILED:
      return "Destroying it failed, perhaps half way.";
    case DeploymentState.DELETED:
      return "It is gone; this is its record.";
    default:
      return "Its state is not known to this version of the page.";
  }
}

const TIERS: Partial<Record<Tier, string>> = {
  [Tier.DEVELOPMENT]: "development",
  [Tier.STAGING]: "staging",
  [Tier.PRODUCTION]: "production",
};

/** The permission that a change of a deployment needs beside that of making requests. */
export function permissionFor(action: "update" | "delete", tier: Tier): string {
  return `business_unit:deployments:${action}:${TIERS[tier] ?? "production"}`;
}

/** Why no change of this kind can be asked for now. */
export function stateReason(action: "update" | "delete", deployment: Deployment): string | undefined {
  const { state, lastOperation } = deployment;
  if (state === DeploymentState.DELETED) return "It is destroyed.";
  if (isUnderWay(deployment)) {
    return `A request is on its way: ${doingWords(lastOperation?.kind ?? RequestKind.UNSPECIFIED)}. Wait for it, or cancel it.`;
  }
  const allowed =
    action === "update"
      ? [DeploymentState.ACTIVE]
      : [DeploymentState.ACTIVE, DeploymentState.FAILED, DeploymentState.DELETE_FAILED];
  if (allowed.includes(state)) return undefined;
  return action === "update"
    ? "Only an active deployment can be updated. Retry its request first, or destroy it."
    : "There is nothing to destroy yet. Cancel its request instead.";
}

/** Outputs as one object; sensitive ones as the mask that stands for them. */
export function outputValues(outputs: readonly Output[]): JsonObject {
  return Object.fromEntries(
    outputs.map(({ output, value, sensitive }) => [output, sensitive ? MASK : (jsonOf(value) ?? null)]),
  );
}
