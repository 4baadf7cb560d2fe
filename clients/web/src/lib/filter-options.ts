// What filters offer: words of the contract, and objects that the caller may list.

import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { type StateKind, statesOf } from "~/components/state-badge";
import { tierWord } from "~/components/tier-badge";
import { EnvironmentService, Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import type { Option } from "./filter";
import { idOf, unitOf } from "./names";
import { ALL_UNITS } from "./unit";

/** The states of a kind of object. `words` is the enum of the contract: its names are those of the filter. */
export function stateOptions(kind: StateKind, words: Record<number, string>): Option[] {
  return statesOf(kind).map(({ state, word }) => ({ value: words[state] ?? "", label: word }));
}

/** The tiers, from lower to higher. */
export const TIER_OPTIONS: readonly Option[] = [Tier.DEVELOPMENT, Tier.STAGING, Tier.PRODUCTION].map((tier) => ({
  value: Tier[tier],
  label: tierWord(tier),
}));

/** The environments of a list's units; with all units, each says its own. */
export function useEnvironmentOptions(parent: string | undefined): readonly Option[] {
  const { data } = useQuery(
    EnvironmentService.method.listEnvironments,
    parent === undefined ? skipToken : { parent, pageSize: 200 },
    { staleTime: 60_000 },
  );
  const isAll = parent === `businessUnits/${ALL_UNITS}`;
  return (data?.environments ?? []).map(({ name, displayName }) => {
    const label = displayName || idOf(name);
    return { value: name, label: isAll ? `${label} (${unitOf(name)})` : label };
  });
}

/** The templates. */
export function useTemplateOptions(): readonly Option[] {
  const { data } = useQuery(TemplateService.method.listTemplates, { pageSize: 200 }, { staleTime: 60_000 });
  return (data?.templates ?? []).map(({ name, displayName }) => ({ value: name, label: displayName || idOf(name) }));
}
