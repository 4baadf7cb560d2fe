// What each signing key does at a time.

import type { SigningKey } from "~/gen/flagstone/v1/workload_identity_service_pb";
import { millis } from "./format";

/** Waits until everybody knows it, signs, is only believed, or is over. */
export type KeyState = "waiting" | "signing" | "verifying" | "retired";

type Times = Pick<SigningKey, "activateTime" | "retireTime">;

/** The states of keys in the order of the keys: the one that began last signs, those before it are only believed. */
export function keyStates(keys: readonly Times[], now: number): KeyState[] {
  const begun = keys.map(({ activateTime }) => millis(activateTime) ?? 0).filter((time) => time <= now);
  const signs = Math.max(...begun);
  return keys.map(({ activateTime, retireTime }) => {
    const begins = millis(activateTime) ?? 0;
    if (begins > now) return "waiting";
    if ((millis(retireTime) ?? Number.POSITIVE_INFINITY) <= now) return "retired";
    return begins === signs ? "signing" : "verifying";
  });
}
