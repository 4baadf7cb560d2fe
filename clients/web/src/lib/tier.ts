import { Tier } from "~/gen/flagstone/v1/environment_service_pb";

const WORDS: Record<number, string> = {
  [Tier.DEVELOPMENT]: "development",
  [Tier.STAGING]: "staging",
  [Tier.PRODUCTION]: "production",
};

/** The tier as permissions end with it: `business_unit:deployments:create:production`. */
export function tierOf(tier: Tier): string {
  return WORDS[tier] ?? "";
}
