import type { Effects } from "~/gen/flagstone/v1/effects_pb";

/** What a dry run found. Every answer of a mutation has it in a field of the same name. */
export function effectsOf(answer: unknown): Effects | undefined {
  return (answer as { effects?: Effects } | undefined)?.effects;
}
