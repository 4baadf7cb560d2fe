// What a request does and where it is, as parts of a sentence.

import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { FailedPhase, type Request, RequestKind, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { planSentence } from "./plan";

const TIERS: Partial<Record<Tier, string>> = {
  [Tier.DEVELOPMENT]: "development",
  [Tier.STAGING]: "staging",
  [Tier.PRODUCTION]: "production",
};

const KINDS: Partial<Record<RequestKind, [string, string]>> = {
  [RequestKind.CREATE]: ["Makes a deployment", "Would have made a deployment"],
  [RequestKind.UPDATE]: ["Changes a deployment", "Would have changed a deployment"],
  [RequestKind.DESTROY]: ["Destroys a deployment", "Would have destroyed a deployment"],
};

const NEVER_APPLIED = new Set([RequestState.REJECTED, RequestState.CANCELLED, RequestState.EXPIRED]);

/** "Creates 4 resources in production". Before there is a plan, and for what was never applied, only its kind. */
export function whatItDoes({ kind, plan, state, tier }: Request): string {
  const where = TIERS[tier] ? ` in ${TIERS[tier]}` : "";
  const [will, would] = KINDS[kind] ?? ["Does something", "Would have done something"];
  if (NEVER_APPLIED.has(state)) return would + where;
  if (!plan) return will + where;
  return planSentence(plan, state === RequestState.COMPLETED ? "past" : "present") + where;
}

const PHASES: Partial<Record<FailedPhase, string>> = {
  [FailedPhase.PLAN]: "making the plan",
  [FailedPhase.POLICY]: "checking the plan against the policies",
  [FailedPhase.APPLY]: "applying the plan",
};

/** In which phase it failed: "applying the plan". */
export function phaseWords(phase: FailedPhase): string | undefined {
  return PHASES[phase];
}

/** Where it is; who still has to approve it is for the page to say, which may know. */
export function whereItIs({ state, failedPhase }: Request): string {
  switch (state) {
    case RequestState.DRAFT:
      return "a draft, which does nothing until it is submitted";
    case RequestState.PLANNING:
      return "its plan is being made";
    case RequestState.PENDING_APPROVAL:
      return "waits for approval";
    case RequestState.APPROVED:
      return "approved, waits for a runner";
    case RequestState.APPLYING:
      return "being applied";
    case RequestState.COMPLETED:
      return "done";
    case RequestState.REJECTED:
      return "rejected";
    case RequestState.CANCELLED:
      return "cancelled";
    case RequestState.EXPIRED:
      return "nobody decided in time";
    case RequestState.FAILED:
      return phaseWords(failedPhase) ? `failed ${phaseWords(failedPhase)}` : "failed";
    default:
      return "its state is not known to this version of the page";
  }
}

/** How risky carrying it out is, as the contract's options of the kinds say. */
export function isHighRisk(kind: RequestKind, tier: Tier): boolean {
  return tier === Tier.PRODUCTION || (kind === RequestKind.DESTROY && tier === Tier.STAGING);
}
