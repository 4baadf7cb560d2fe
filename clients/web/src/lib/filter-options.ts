// What filters offer: words of the contract.

import { type StateKind, statesOf } from "~/components/state-badge";
import { tierWord } from "~/components/tier-badge";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import type { Option } from "./filter";

/** The states of a kind of object. `words` is the enum of the contract: its names are those of the filter. */
export function stateOptions(kind: StateKind, words: Record<number, string>): Option[] {
  return statesOf(kind).map(({ state, word }) => ({ value: words[state] ?? "", label: word }));
}

/** The tiers, from lower to higher. */
export const TIER_OPTIONS: readonly Option[] = [Tier.DEVELOPMENT, Tier.STAGING, Tier.PRODUCTION].map((tier) => ({
  value: Tier[tier],
  label: tierWord(tier),
}));
