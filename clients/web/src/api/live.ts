// The page's one Watch stream: what changed is asked for again. Its state is shown in the header. Where a page follows
// nothing, the frame around it does: what the person may do can change on every page.

import { createClient } from "@connectrpc/connect";
import { useEffect, useSyncExternalStore } from "react";
import { WatchService } from "~/gen/flagstone/v1/watch_service_pb";
import { noteAccess } from "./access";
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

/** What a watch is asked for, as in the contract. */
interface Watched {
  parent: string;
  objectTypes: string[];
  objects: string[];
}

interface Around {
  /** The first stream stands. */
  opened?: () => void;
  /** Too much had happened: everything was asked for again. */
  resynced?: () => void;
  status?: (status: StreamStatus) => void;
}

/** Asks again for what changes, and for everything where the person may do something else than before. */
function watch(watched: Watched, around: Around, signal: AbortSignal): void {
  let isFirst = true;
  void follow(
    {
      open: (cursor, signal) => client.watchChanges({ ...watched, cursor }, { signal }),
      hear: ({ event }) => {
        if (event.case === "changes") refreshObjects(new Set(event.value.changes.map((change) => change.objectType)));
        if (event.case === "access") {
          noteAccess(event.value.etag);
          return {};
        }
        if (event.case === "open" && isFirst) {
          isFirst = false;
          around.opened?.();
        }
        if (event.case === "end") return { end: event.value };
        return { cursor: event.value?.cursor };
      },
      resync: () => {
        refreshAll();
        around.resynced?.();
      },
      status: (status) => around.status?.(status),
    },
    signal,
  );
}

/** How many pages have a stream that stands, or will: one, or none. */
let pages = 0;
const pageListeners = new Set<() => void>();

/** Notes that a page has a stream, until what it returns is called. */
function enterPage(): () => void {
  const change = (by: number) => {
    pages += by;
    for (const listener of pageListeners) listener();
  };
  change(1);
  let isThere = true;
  return () => {
    if (isThere) change(-1);
    isThere = false;
  };
}

/** Keeps what the page shows up to date. Call it once in a page. */
export function useLive(shown: Shown): void {
  const key = JSON.stringify([shown.parent ?? "businessUnits/-", shown.types ?? [], shown.objects ?? []]);
  useEffect(() => {
    const [parent, objectTypes, objects] = JSON.parse(key) as [string, string[], string[]];
    const abort = new AbortController();
    const leavePage = enterPage();
    const around = {
      // What changed between the page's first answers and the start of the stream.
      opened: () => refreshObjects(objectTypes),
      resynced: () => setLiveStatus("live", true),
      status: (status: StreamStatus) => {
        setLiveStatus(status);
        // That of a unit which is not there, say: it tells nothing more.
        if (status === "failed") leavePage();
      },
    };
    watch({ parent, objectTypes, objects }, around, abort.signal);
    return () => {
      abort.abort();
      leavePage();
      setLiveStatus("idle");
    };
  }, [key]);
}

/** Pages come and go, and some take a moment to begin: only what stays without a stream gets one. */
const SETTLED = 1_000;

/** Oneself: who follows nothing else hears of that, and of what one may do. */
const ONESELF: Watched = { parent: "businessUnits/-", objectTypes: ["user"], objects: ["users/me"] };

/** Hears of what the person may do while the page has no stream that tells it. Call it once, around all pages. */
export function useAccess(): void {
  const isTold = useSyncExternalStore(
    (listener) => {
      pageListeners.add(listener);
      return () => pageListeners.delete(listener);
    },
    () => pages > 0,
  );
  useEffect(() => {
    if (isTold) return;
    const abort = new AbortController();
    const timer = setTimeout(() => watch(ONESELF, {}, abort.signal), SETTLED);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [isTold]);
}
