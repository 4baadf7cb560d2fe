// What a form needs to know of a JSON Schema (2020-12): which fields there are for a value, in which order, of what kind,
// with which default and limits. The server judges with the same schema (R109), and fills in defaults in the same way.

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Validator } from "@cfworker/json-schema";
import { isObject } from "./json-diff";

/** A schema, or a part of one. */
export type Schema = JsonObject;

export type Path = readonly (string | number)[];

/** Schemas and inputs nest no deeper on the server. Ends a schema that contains itself. */
const MAX_DEPTH = 32;

/** The place of a value as the server writes it: `lifecycle_rules[0].days`. */
export function pathText(path: Path): string {
  let text = "";
  for (const part of path) text += typeof part === "number" ? `[${part}]` : text ? `.${part}` : part;
  return text;
}

/** The value with another one at a path; `undefined` takes it out. What lies beside the path keeps its identity. */
export function setAt(value: JsonValue | undefined, path: Path, next: JsonValue | undefined): JsonValue | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return next;
  if (typeof part === "number") {
    const items = Array.isArray(value) ? [...value] : [];
    const item = setAt(items[part], rest, next);
    if (item === undefined) items.splice(part, 1);
    else items[part] = item;
    return items;
  }
  const members = isObject(value) ? value : {};
  const member = setAt(members[part], rest, next);
  if (member !== undefined) return { ...members, [part]: member };
  return Object.fromEntries(Object.entries(members).filter(([name]) => name !== part));
}

/** What a reference inside of the schema points to. */
function resolve(root: Schema, reference: string): Schema | undefined {
  if (!reference.startsWith("#")) return undefined;
  let found: JsonValue | undefined = root;
  for (const part of reference.slice(1).split("/").slice(1)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(found)) found = found[Number(key)];
    else found = isObject(found) ? found[key] : undefined;
  }
  return isObject(found) ? found : undefined;
}

export function schemas(value: JsonValue | undefined): Schema[] {
  return Array.isArray(value) ? value.filter((one) => isObject(one)) : [];
}

function named(value: JsonValue | undefined): [string, Schema][] {
  return isObject(value) ? Object.entries(value).flatMap(([name, one]) => (isObject(one) ? [[name, one]] : [])) : [];
}

export function strings(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

/** Adds what `next` finds until nothing new comes: each part once, so that a schema that contains itself ends. */
function closure(schema: Schema, next: (part: Schema) => (Schema | undefined)[]): Schema[] {
  const parts = [schema];
  for (const part of parts) for (const found of next(part)) if (found && !parts.includes(found)) parts.push(found);
  return parts;
}

function referred(root: Schema, part: Schema): Schema | undefined {
  return typeof part.$ref === "string" ? resolve(root, part.$ref) : undefined;
}

/** The schema with what holds beside it whatever the value is. Defaults come from these. */
function fixedParts(root: Schema, schema: Schema): Schema[] {
  return closure(schema, (part) => [referred(root, part), ...schemas(part.allOf)]);
}

/** What a map holds for a schema, made where there is nothing yet. */
export function kept<Made>(map: WeakMap<Schema, Made>, schema: Schema, make: () => Made): Made {
  const known = map.get(schema);
  if (known !== undefined) return known;
  const made = make();
  map.set(schema, made);
  return made;
}

const conditions = new WeakMap<Schema, WeakMap<Schema, Validator>>();

function holds(root: Schema, condition: Schema, value: JsonValue): boolean {
  const ofRoot = kept(conditions, root, () => new WeakMap<Schema, Validator>());
  // References in a condition point into the whole schema.
  const make = () => new Validator({ ...condition, ...(root.$defs ? { $defs: root.$defs } : {}) }, "2020-12");
  return kept(ofRoot, condition, make).validate(value).valid;
}

/** The schema with all that holds beside it for this value: references, `allOf`, and the branches of conditions. */
export function partsFor(root: Schema, schema: Schema, value: JsonValue | undefined): Schema[] {
  const filled = value === undefined ? undefined : withDefaults(root, schema, value);
  return closure(schema, (part) => {
    const found = [referred(root, part), ...schemas(part.allOf)];
    if (filled === undefined) return found;
    if (isObject(part.if)) {
      const branch = holds(root, part.if, filled) ? part.then : part.else;
      if (isObject(branch)) found.push(branch);
    }
    for (const [name, dependent] of named(part.dependentSchemas)) {
      if (isObject(filled) && filled[name] !== undefined) found.push(dependent);
    }
    return found;
  });
}

/** The schema with everything it can bring in, whichever branch holds. */
function everyPart(root: Schema, schema: Schema): Schema[] {
  return closure(schema, (part) => [
    referred(root, part),
    ...["allOf", "anyOf", "oneOf"].flatMap((key) => schemas(part[key])),
    ...[part.if, part.then, part.else].filter((one) => isObject(one)),
    ...named(part.dependentSchemas).map(([, one]) => one),
  ]);
}

const narrowed = new WeakMap<Schema, WeakMap<Schema, Schema>>();

/** Both schemas at once, for what a form shows. The same two give the same object, so that fields need not be redrawn. */
function narrow(a: Schema, b: Schema): Schema {
  return kept(
    kept(narrowed, a, () => new WeakMap<Schema, Schema>()),
    b,
    () => narrowOnce(a, b),
  );
}

function narrowOnce(a: Schema, b: Schema): Schema {
  const both: Schema = { ...b, ...a };
  const number = (key: string, choose: (...of: number[]) => number) => {
    const [left, right] = [a[key], b[key]];
    if (typeof left === "number" && typeof right === "number") both[key] = choose(left, right);
  };
  for (const key of ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"]) number(key, Math.max);
  for (const key of ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"]) number(key, Math.min);
  const options = b.enum;
  if (Array.isArray(a.enum) && Array.isArray(options)) both.enum = a.enum.filter((option) => options.includes(option));
  if (a.required && b.required) both.required = [...new Set([...strings(a.required), ...strings(b.required)])];
  if (a.allOf && b.allOf) both.allOf = [...schemas(a.allOf), ...schemas(b.allOf)];
  if (isObject(a.properties) && isObject(b.properties)) {
    const properties: JsonObject = { ...b.properties, ...a.properties };
    for (const [name, property] of named(a.properties)) {
      const other = b.properties[name];
      if (isObject(other)) properties[name] = narrow(property, other);
    }
    both.properties = properties;
  }
  return both;
}

/** One schema in place of all that hold for the value. */
export function schemaFor(root: Schema, schema: Schema, value: JsonValue | undefined): Schema {
  return partsFor(root, schema, value).reduce((whole, part) => (part === schema ? whole : narrow(whole, part)), schema);
}

export interface Property {
  name: string;
  schema: Schema;
  required: boolean;
}

/** The fields of an object as it is now: in their author's order (`x-order`), else required ones first, then by name. */
export function propertiesFor(root: Schema, schema: Schema, value: JsonValue | undefined): Property[] {
  const members = isObject(value) ? value : {};
  const found = new Map<string, Schema>();
  const required = new Set<string>();
  for (const part of partsFor(root, schema, members)) {
    for (const [name, property] of named(part.properties)) {
      const known = found.get(name);
      found.set(name, known ? narrow(known, property) : property);
    }
    for (const name of strings(part.required)) required.add(name);
    if (isObject(part.dependentRequired)) {
      for (const [name, others] of Object.entries(part.dependentRequired)) {
        if (members[name] !== undefined) for (const other of strings(others)) required.add(other);
      }
    }
  }
  const order = (schema: Schema) =>
    typeof schema["x-order"] === "number" ? schema["x-order"] : Number.POSITIVE_INFINITY;
  return [...found]
    .map(([name, schema]) => ({ name, schema, required: required.has(name) }))
    .sort(
      (a, b) =>
        compare(order(a.schema), order(b.schema)) ||
        Number(b.required) - Number(a.required) ||
        a.name.localeCompare(b.name, "en"),
    );
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

/** Members that the schema does not know and does not take: what an older version of a template had, say. */
export function unknownMembers(root: Schema, schema: Schema, value: JsonObject): string[] {
  const parts = partsFor(root, schema, value);
  if (!parts.some((part) => part.additionalProperties === false)) return [];
  const known = new Set(propertiesFor(root, schema, value).map(({ name }) => name));
  return Object.keys(value).filter((name) => !known.has(name));
}

/** The value with the schema's defaults for what is left out, as the server fills them in. */
export function withDefaults(root: Schema, schema: Schema, value: JsonValue, depth = 0): JsonValue {
  if (depth > MAX_DEPTH) return value;
  let filled = value;
  for (const part of fixedParts(root, schema)) {
    if (Array.isArray(filled)) {
      const items = part.items;
      if (isObject(items)) filled = filled.map((item) => withDefaults(root, items, item, depth + 1));
    } else if (isObject(filled)) {
      const members: JsonObject = { ...filled };
      for (const [name, property] of named(part.properties)) {
        const given = members[name] ?? defaultOf(root, property);
        if (given !== undefined) members[name] = withDefaults(root, property, given, depth + 1);
      }
      filled = members;
    }
  }
  return filled;
}

/** What holds where a field is left out; `undefined` where nothing does. */
export function defaultOf(root: Schema, schema: Schema): JsonValue | undefined {
  return fixedParts(root, schema).find((part) => part.default !== undefined)?.default;
}

/** True for what is shown to nobody: marked so in any schema that could apply. */
export function isSecret(root: Schema, schema: Schema): boolean {
  return everyPart(root, schema).some(
    (part) => part["x-flagstone-secret"] === true || part.writeOnly === true || part.format === "password",
  );
}

/** Whether anything in the schema is a secret. */
export function hasSecrets(root: Schema): boolean {
  return /"(x-flagstone-secret|writeOnly)":true|"format":"password"/.test(JSON.stringify(root));
}

/** The value without its secrets, or with `instead` in their place: what may be shown, or kept outside of the page. */
export function withoutSecrets(
  root: Schema,
  schema: Schema,
  value: JsonValue,
  instead?: JsonValue,
  depth = 0,
): JsonValue | undefined {
  if (isSecret(root, schema)) return instead;
  if (depth > MAX_DEPTH) return value;
  const parts = everyPart(root, schema);
  const below = (value: JsonValue, candidates: (JsonValue | undefined)[]) => {
    let kept: JsonValue | undefined = value;
    for (const candidate of candidates) {
      if (kept !== undefined && isObject(candidate)) kept = withoutSecrets(root, candidate, kept, instead, depth + 1);
    }
    return kept;
  };
  if (Array.isArray(value)) {
    const items = value.map((item) =>
      below(
        item,
        parts.flatMap((part) => [part.items, ...schemas(part.prefixItems)]),
      ),
    );
    return items.filter((item) => item !== undefined);
  }
  if (!isObject(value)) return value;
  const members: JsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    const kept = below(
      member,
      parts.flatMap((part) => [
        isObject(part.properties) ? part.properties[name] : undefined,
        part.additionalProperties,
        ...named(part.patternProperties).map(([, one]) => one),
      ]),
    );
    if (kept !== undefined) members[name] = kept;
  }
  return members;
}
