// JSON values as people compare them: leaf by leaf, under the paths that the server uses in its messages.

import { type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";

/** What stands in place of a secret in every value that the server sends. */
export const MASK = "••••••";

export type LeafChange = "added" | "removed" | "changed" | "same";

/** One leaf of two values: a scalar, or an object or list without content. */
export interface Leaf {
  /** For instance `versioning[0].enabled`; empty for the value itself. */
  path: string;
  change: LeafChange;
  before: JsonValue | undefined;
  after: JsonValue | undefined;
}

/** A protobuf value as JSON; `undefined` where it is unset, which is not `null`. */
export function jsonOf(value: Value | undefined): JsonValue | undefined {
  return value && toJson(ValueSchema, value);
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The path of a property: `a.b`, with quotes where the key holds what separates paths. */
export function childPath(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  if (!/^[^.[\]"\s]+$/.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent ? `${parent}.${key}` : key;
}

/** Puts the keys of an object into the order in which people should read them. */
export type KeyOrder = (path: string, keys: readonly string[]) => readonly string[];

const alphabetical: KeyOrder = (_, keys) => [...keys].sort((a, b) => a.localeCompare(b, "en"));

/** Every leaf of both values. Objects are compared by key whatever their order, lists by position. */
export function compareJson(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  order: KeyOrder = alphabetical,
): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (path: string, one: JsonValue | undefined, other: JsonValue | undefined) => {
    const keys = keysOf(one, other);
    if (!keys || keys.length === 0) {
      leaves.push({ path, change: changeOf(one, other), before: one, after: other });
      return;
    }
    const ordered = typeof keys[0] === "number" ? keys : order(path, keys as string[]);
    for (const key of ordered) walk(childPath(path, key), childOf(one, key), childOf(other, key));
  };
  walk("", before, after);
  return leaves;
}

/** The keys of both; `undefined` where they cannot be compared part by part. */
function keysOf(one: JsonValue | undefined, other: JsonValue | undefined): (string | number)[] | undefined {
  const shown = one === undefined ? other : one;
  const compared = other === undefined ? one : other;
  if (isObject(shown) && isObject(compared)) return [...new Set([...Object.keys(shown), ...Object.keys(compared)])];
  if (Array.isArray(shown) && Array.isArray(compared)) {
    return Array.from({ length: Math.max(shown.length, compared.length) }, (_, index) => index);
  }
  return undefined;
}

function childOf(value: JsonValue | undefined, key: string | number): JsonValue | undefined {
  if (Array.isArray(value)) return typeof key === "number" ? value[key] : undefined;
  return isObject(value) && typeof key === "string" && Object.hasOwn(value, key) ? value[key] : undefined;
}

function changeOf(one: JsonValue | undefined, other: JsonValue | undefined): LeafChange {
  if (one === undefined) return other === undefined ? "same" : "added";
  if (other === undefined) return "removed";
  // Only scalars, empty ones and unlike kinds come here: their texts tell them apart.
  return JSON.stringify(one) === JSON.stringify(other) ? "same" : "changed";
}
