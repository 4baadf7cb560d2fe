// A request's history as people read it: what people did stands alone, what the platform did between is one line.

import type { TimelineEntry } from "~/gen/flagstone/v1/request_service_pb";
import { sentence } from "./format";

/** What happened, as the middle of "{who} … {when}". */
const WORDS: Record<string, string> = {
  drafted: "saved a draft",
  submitted: "submitted the request",
  changed: "changed the request",
  planned: "made the plan",
  plan_stale: "made another plan than the one approved",
  plan_void: "made the plan void",
  plan_tampered: "found the stored plan changed, and made it void",
  plan_confirmed: "made the plan again, without a difference",
  approval_opened: "asked for approval",
  decided: "approved; others are still asked",
  approved: "approved the plan",
  rejected: "rejected the request",
  expired: "let the approval expire",
  cancelled: "cancelled the request",
  retried: "retried the request",
  apply_started: "started to apply the plan",
  completed: "completed the request",
  failed: "could not go on",
};

/** The words of an event; those of a newer server are shown as it calls them. */
export function eventWords(event: string): string {
  return WORDS[event] ?? sentence(event).toLowerCase();
}

/** Steps on the way: what matters of them is what comes after. */
const STEPS = new Set(["planned", "plan_confirmed", "approval_opened", "apply_started"]);

export type TimelineItem =
  | { kind: "entry"; entry: TimelineEntry }
  | { kind: "steps"; key: number; entries: TimelineEntry[] };

/** Entries with the platform's steps between folded; the latest stand alone, since they say where it is now. */
export function foldSteps(entries: readonly TimelineEntry[]): TimelineItem[] {
  const items: TimelineItem[] = [];
  for (const entry of entries) {
    const isStep = !entry.principal.startsWith("users/") && STEPS.has(entry.event);
    const last = items.at(-1);
    if (isStep && last?.kind === "steps") last.entries.push(entry);
    else if (isStep) items.push({ kind: "steps", key: entry.number, entries: [entry] });
    else items.push({ kind: "entry", entry });
  }
  return items.flatMap((item, index) => {
    const isAlone = item.kind === "steps" && (item.entries.length === 1 || index === items.length - 1);
    return isAlone ? item.entries.map((entry): TimelineItem => ({ kind: "entry", entry })) : [item];
  });
}

/** Joins entries by number: pages of the past and messages of a stream overlap. */
export function mergeEntries(known: readonly TimelineEntry[], more: readonly TimelineEntry[]): TimelineEntry[] {
  const byNumber = new Map([...known, ...more].map((entry) => [entry.number, entry]));
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}
