// Keys and actions of the page that is open. What is registered here is in the `?` list and in the palette.

import { useEffect, useRef, useSyncExternalStore } from "react";

export interface Action {
  /** What it does: a verb with its object. */
  label: string;
  /** Heading in the list of keys and in the palette. */
  group: string;
  /** One key, or two after each other: `a`, `g r`, `?`. Without keys it is in the palette only. */
  keys?: string | undefined;
  run: () => void;
}

let actions: readonly Action[] = [];
const listeners = new Set<() => void>();
let prefix = "";
let prefixTimer: ReturnType<typeof setTimeout> | undefined;

function change(next: readonly Action[]): void {
  actions = next;
  for (const listener of listeners) listener();
}

/** Every action there is now. */
export function useActions(): readonly Action[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => actions,
  );
}

/** Offers actions while the component is there. A later one takes a key from an earlier one. */
export function useRegisterActions(offered: readonly Action[]): void {
  const latest = useRef(offered);
  latest.current = offered;
  const shape = JSON.stringify(offered.map(({ label, group, keys }) => [label, group, keys]));
  useEffect(() => {
    const shapes = JSON.parse(shape) as [string, string, string | null][];
    const own: Action[] = shapes.map(([label, group, keys], index) => ({
      label,
      group,
      keys: keys ?? undefined,
      run: () => latest.current[index]?.run(),
    }));
    change([...actions, ...own]);
    return () => change(actions.filter((action) => !own.includes(action)));
  }, [shape]);
}

/** True where keys are text: in a field, or in something that has keys of its own. */
function isTyping(target: EventTarget | null): boolean {
  const element = target instanceof HTMLElement ? target : null;
  return Boolean(element?.closest("input, textarea, select, [contenteditable], [role=menu], [role=dialog]"));
}

/** Starts listening to the keyboard; once, by the shell. */
export function listenToKeys(): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
    const keys = prefix ? `${prefix} ${event.key}` : event.key;
    prefix = "";
    clearTimeout(prefixTimer);
    const action = actions.findLast((candidate) => candidate.keys === keys);
    if (action) {
      event.preventDefault();
      action.run();
    } else if (actions.some((candidate) => candidate.keys?.startsWith(`${keys} `))) {
      prefix = keys;
      prefixTimer = setTimeout(() => {
        prefix = "";
      }, 1_200);
    }
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
