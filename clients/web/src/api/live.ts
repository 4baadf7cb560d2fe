// The page's one Watch stream: what changed is asked for again. Its state is shown in the header.

import { createClient } from "@connectrpc/connect";
import { useEffect, useSyncExternalStore } from "react";
import { WatchService } from "~/gen/flagstone/v1/watch_service_pb";
import { transport } from "./client";
import { type ObjectType, refreshAll, refreshObjects } from "./queries";
import { follow, type StreamStatus } from "./stream";

/** What a page shows: everything of these types, or only these objects. */
export interface Shown {
  /** `businessUnits/{bu}`; everything that the caller may read where left out. */
  parent?: string;
  types?: readonly ObjectType[];
  objects?: readonly string[];
}

export interface LiveState {
  status: StreamStatus;
  /** True for a moment after the page was read anew because too much had happened meanwhile. */
  resynced: boolean;
}

let state: LiveState = { status: "idle", resynced: false };
const listeners = new Set<() => void>();

/** Notes how the page's stream is doing: also for pages that follow another stream than `useLive`'s. */
export function setLiveStatus(status: StreamStatus, resynced = false): void {
  if (state.status === status && state.resynced === resynced) return;
  state = { status, resynced };
  for (const listener of listeners) listener();
}

/** How the stream of this page is doing. */
export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

const client = createClient(WatchService, transport);

/** Keeps what the page shows up to date. Call it once in a page. */
export function useLive(shown: Shown): void {
  const key = JSON.stringify([shown.parent ?? "businessUnits/-", shown.types ?? [], shown.objects ?? []]);
  useEffect(() => {
    const [parent, objectTypes, objects] = JSON.parse(key) as [string, string[], string[]];
    const abort = new AbortController();
    let isFirst = true;
    void follow(
      {
        open: (cursor, signal) => client.watchChanges({ parent, objectTypes, objects, cursor }, { signal }),
        hear: ({ event }) => {
          if (event.case === "changes") refreshObjects(new Set(event.value.changes.map((change) => change.objectType)));
          // What changed between the page's first answers and the start of the stream.
          if (event.case === "open" && isFirst) {
            isFirst = false;
            refreshObjects(objectTypes);
          }
          if (event.case === "end") return { end: event.value };
          return { cursor: event.value?.cursor };
        },
        resync: () => {
          refreshAll();
          setLiveStatus("live", true);
        },
        status: (status) => setLiveStatus(status),
      },
      abort.signal,
    );
    return () => {
      abort.abort();
      setLiveStatus("idle");
    };
  }, [key]);
}
