import { useSyncExternalStore } from "react";
import { session } from "./client";
import type { Snapshot } from "./session";

/** The session as it is, again after every change. */
export function useSession(): Snapshot {
  return useSyncExternalStore(session.subscribe, session.snapshot);
}
