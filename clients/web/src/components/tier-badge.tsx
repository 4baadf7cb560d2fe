import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { cn } from "~/lib/cn";

const LOOKS: Record<number, [string, string]> = {
  [Tier.DEVELOPMENT]: ["Development", "border-development text-development"],
  [Tier.STAGING]: ["Staging", "border-staging text-staging"],
  [Tier.PRODUCTION]: ["Production", "border-production bg-production text-production-ink"],
};

/** The tier's name, as sentences say it. */
export function tierWord(tier: Tier): string {
  return LOOKS[tier]?.[0] ?? "Unknown tier";
}

/** Which class of environment: production cannot be overlooked. */
export function TierBadge({ tier }: { tier: Tier }) {
  const [word, classes] = LOOKS[tier] ?? ["Unknown tier", "border-line-strong text-muted"];
  return (
    <span
      className={cn(
        "inline-flex h-5 items-center rounded-sm border px-1.5 align-bottom font-medium text-sm whitespace-nowrap",
        classes,
      )}
    >
      {word}
    </span>
  );
}
