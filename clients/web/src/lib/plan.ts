// A plan as rows of a tree: actions, their resources, the attributes of those that are open. Pure, so that 5,000
// resources are a matter of a list that can be tested.

import {
  type AttributeChange,
  type PlanSummary,
  ResourceAction,
  type ResourceChange,
} from "~/gen/flagstone/v1/request_service_pb";
import { formatNumber } from "./format";
import { jsonOf } from "./json-diff";

/** What can be lost comes first; what only moves names comes last. */
export const ACTION_ORDER = [
  ResourceAction.REPLACE,
  ResourceAction.DESTROY,
  ResourceAction.UPDATE,
  ResourceAction.CREATE,
  ResourceAction.IMPORT,
  ResourceAction.MOVE,
  ResourceAction.FORGET,
  ResourceAction.READ,
] as const;

const LOSES = [ResourceAction.REPLACE, ResourceAction.DESTROY];

/** Above so many resources even what is destroyed starts closed: nobody reads them all. */
const OPEN_AT_MOST = 50;

/** A plan of so few resources is open as a whole. */
const SMALL_PLAN = 3;

export interface ActionGroup {
  action: ResourceAction;
  changes: ResourceChange[];
}

/** `replica[2]` before `replica[10]`. */
const byAddress = new Intl.Collator("en", { numeric: true });

/** The resources by action, in the order of `ACTION_ORDER`. */
export function groupChanges(changes: readonly ResourceChange[]): ActionGroup[] {
  const groups = new Map<ResourceAction, ResourceChange[]>();
  for (const change of changes) {
    const group = groups.get(change.action);
    if (group) group.push(change);
    else groups.set(change.action, [change]);
  }
  const rank = (action: ResourceAction) => {
    const index = (ACTION_ORDER as readonly ResourceAction[]).indexOf(action);
    return index < 0 ? ACTION_ORDER.length : index;
  };
  return [...groups]
    .map(([action, members]) => ({
      action,
      changes: members.sort((a, b) => byAddress.compare(a.address, b.address)),
    }))
    .sort((a, b) => rank(a.action) - rank(b.action));
}

/** Where a resource is in the tree. One address may occur twice: an object that an interrupted replacement left behind. */
export function resourceKey(change: ResourceChange, index: number): string {
  return `${change.action}/${index}/${change.address}`;
}

/** What is open before anybody touched the tree: all groups, and the resources that are lost. */
export function openAtFirst(changes: readonly ResourceChange[]): Set<string> {
  const open = new Set<string>();
  for (const group of groupChanges(changes)) {
    const isOpen =
      changes.length <= SMALL_PLAN || (LOSES.includes(group.action) && group.changes.length <= OPEN_AT_MOST);
    if (!isOpen) continue;
    for (const [index, change] of group.changes.entries()) open.add(resourceKey(change, index));
  }
  return open;
}

export type PlanRow =
  | { kind: "group"; key: string; action: ResourceAction; count: number; total: number; open: boolean }
  | { kind: "resource"; key: string; change: ResourceChange; open: boolean; position: number; siblings: number }
  | { kind: "attribute"; key: string; change: ResourceChange; attribute: AttributeChange }
  | { kind: "empty"; key: string };

export interface TreeState {
  /** Keys of the open resources. */
  open: ReadonlySet<string>;
  /** Actions whose group is closed. */
  closed: ReadonlySet<ResourceAction>;
}

/** The rows in view. `only` keeps the resources that a search found. */
export function rowsOf(
  groups: readonly ActionGroup[],
  state: TreeState,
  only?: ReadonlySet<ResourceChange> | undefined,
): PlanRow[] {
  const rows: PlanRow[] = [];
  for (const { action, changes } of groups) {
    const members = changes.map((change, index) => ({ change, key: resourceKey(change, index) }));
    const shown = only ? members.filter(({ change }) => only.has(change)) : members;
    if (shown.length === 0) continue;
    const isOpen = !state.closed.has(action);
    rows.push({ kind: "group", key: `${action}`, action, count: shown.length, total: changes.length, open: isOpen });
    if (!isOpen) continue;
    shown.forEach(({ change, key }, position) => {
      const open = state.open.has(key);
      rows.push({ kind: "resource", key, change, open, position, siblings: shown.length });
      if (!open) return;
      for (const attribute of change.attributes) {
        rows.push({ kind: "attribute", key: `${key}/${attribute.path}`, change, attribute });
      }
      if (change.attributes.length === 0) rows.push({ kind: "empty", key: `${key}/` });
    });
  }
  return rows;
}

const texts = new WeakMap<ResourceChange, string>();

/** Everything of a resource that a search looks at. Made once: a plan may hold 5,000 of them. */
function searchText(change: ResourceChange): string {
  let text = texts.get(change);
  if (text === undefined) {
    const attributes = change.attributes.map(({ path, before, after }) => {
      const values = [jsonOf(before), jsonOf(after)].map((value) => (value === undefined ? "" : JSON.stringify(value)));
      return `${path} ${values.join(" ")}`;
    });
    text = [change.address, change.previousAddress, change.type, ...attributes].join("\n").toLowerCase();
    texts.set(change, text);
  }
  return text;
}

/** The resources that hold every word; `undefined` where nothing is searched for. */
export function searchChanges(changes: readonly ResourceChange[], search: string): Set<ResourceChange> | undefined {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return undefined;
  return new Set(changes.filter((change) => words.every((word) => searchText(change).includes(word))));
}

/** What a plan does: "Destroys 3 resources, creates 2 and changes 1". A replaced one is created and destroyed. */
export function planSentence({ add, change, destroy }: PlanSummary, tense: "present" | "past" = "present"): string {
  const verb = (stem: string) => (tense === "past" ? (stem === "destroy" ? "destroyed" : `${stem}d`) : `${stem}s`);
  const words = (
    [
      [destroy, verb("destroy")],
      [add, verb("create")],
      [change, verb("change")],
    ] as const
  )
    .filter(([number]) => number > 0)
    .map(([number, does], index) => {
      const noun = index > 0 ? "" : number === 1 ? " resource" : " resources";
      return `${does} ${formatNumber(number)}${noun}`;
    });
  const last = words.pop() ?? `${verb("change")} no resources`;
  const text = words.length > 0 ? `${words.join(", ")} and ${last}` : last;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what the sequences of a terminal begin with
const ESCAPES = /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-_]/g;

/** The engine's text without what only a terminal understands. */
export function plainText(text: string): string {
  return text.replace(ESCAPES, "").replaceAll("\r\n", "\n");
}
