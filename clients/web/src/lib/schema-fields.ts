// How the fields of a schema are asked for, and what is said about them.

import type { JsonValue } from "@bufbuild/protobuf";
import { formatNumber } from "./format";
import { isObject } from "./json-diff";
import { defaultOf, isSecret, type Schema, schemaFor, schemas, strings, withDefaults } from "./schema";

/** How a field is asked for. */
export type FieldKind =
  | "text"
  | "long-text"
  | "secret"
  | "number"
  | "switch"
  | "choice"
  | "choices"
  | "list"
  | "object"
  | "map"
  | "variants"
  | "json";

/** The kind of field for a schema of which `schemaFor` made one. */
export function kindOf(root: Schema, schema: Schema): FieldKind {
  const type = typeOf(schema);
  if (isSecret(root, schema) && type !== "object" && type !== "array") return "secret";
  if (type === "boolean") return "switch";
  if (optionsOf(schema)) return "choice";
  switch (type) {
    case "string":
      return isLong(schema) ? "long-text" : "text";
    case "integer":
    case "number":
      return "number";
    case "array": {
      const items = itemsOf(root, schema);
      if (!items) return "json";
      return schema.uniqueItems === true && optionsOf(items) ? "choices" : "list";
    }
    case "object":
      if (variantsOf(root, schema)) return "variants";
      if (isObject(schema.properties)) return "object";
      if (isObject(schema.additionalProperties)) return "map";
      return schema.additionalProperties === false ? "object" : "json";
    default:
      if (variantsOf(root, schema)) return "variants";
      return isObject(schema.properties) ? "object" : "json";
  }
}

/** The type, `null` aside; `undefined` where there are several. */
export function typeOf(schema: Schema): string | undefined {
  if (typeof schema.type === "string") return schema.type;
  const types = strings(schema.type).filter((type) => type !== "null");
  return types.length === 1 ? types[0] : undefined;
}

function isLong(schema: Schema): boolean {
  return schema["x-widget"] === "textarea" || (typeof schema.maxLength === "number" && schema.maxLength > 2_048);
}

/** The schema of a list's items. */
export function itemsOf(root: Schema, schema: Schema): Schema | undefined {
  return isObject(schema.items) ? schemaFor(root, schema.items, undefined) : undefined;
}

export interface Option {
  value: JsonValue;
  label: string;
}

/** What a field may be, where that is a list: of `enum`, or of branches with one value each. */
export function optionsOf(schema: Schema): Option[] | undefined {
  const plain = (value: JsonValue): Option => ({
    value,
    label: typeof value === "string" ? value : JSON.stringify(value),
  });
  if (Array.isArray(schema.enum)) return schema.enum.map(plain);
  if (schema.const !== undefined) return [plain(schema.const)];
  const branches = [...schemas(schema.oneOf), ...schemas(schema.anyOf)];
  if (branches.length === 0 || !branches.every((branch) => branch.const !== undefined)) return undefined;
  return branches.flatMap(({ const: value, title }) =>
    value === undefined ? [] : [{ value, label: typeof title === "string" ? title : plain(value).label }],
  );
}

export interface Variant {
  label: string;
  schema: Schema;
}

/** The forms of which one is chosen. Branches that only say what else is required are conditions, not forms. */
export function variantsOf(root: Schema, schema: Schema): Variant[] | undefined {
  const branches = schemas(schema.oneOf ?? schema.anyOf).map((branch) => schemaFor(root, branch, undefined));
  const isForm = (branch: Schema) => branch.properties !== undefined || branch.type !== undefined;
  if (branches.length < 2 || !branches.every(isForm)) return undefined;
  return branches.map((branch, index) => ({
    label: typeof branch.title === "string" ? branch.title : `Form ${index + 1}`,
    schema: branch,
  }));
}

/** A number as typed; text that is none stays text, for the schema to refuse. */
export function parseNumber(text: string): number | string {
  const trimmed = text.trim();
  const number = Number(trimmed);
  return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) && Number.isFinite(number) ? number : text;
}

/** What a new item or an added object begins with. */
export function emptyOf(root: Schema, schema: Schema): JsonValue {
  const whole = schemaFor(root, schema, undefined);
  const given = defaultOf(root, whole);
  if (given !== undefined) return given;
  switch (typeOf(whole)) {
    case "object":
      return withDefaults(root, whole, {});
    case "array":
      return [];
    case "boolean":
      return false;
    case undefined:
      return isObject(whole.properties) ? withDefaults(root, whole, {}) : "";
    default:
      return "";
  }
}

/** The limits of a field in words: `3 to 63 characters`. */
export function limitsOf(schema: Schema): string[] {
  const limits: string[] = [];
  const number = (key: string) => (typeof schema[key] === "number" ? schema[key] : undefined);
  const range = (from: number | undefined, to: number | undefined, one: string, many: string) => {
    const unit = (value: number) => (one ? ` ${value === 1 ? one : many}` : "");
    if (from !== undefined && to !== undefined) {
      if (from === to) limits.push(`Exactly ${formatNumber(to)}${unit(to)}`);
      else limits.push(`${formatNumber(from)} to ${formatNumber(to)}${unit(to)}`);
    } else if (from !== undefined) limits.push(`At least ${formatNumber(from)}${unit(from)}`);
    else if (to !== undefined) limits.push(`At most ${formatNumber(to)}${unit(to)}`);
  };
  range(number("minimum"), number("maximum"), "", "");
  const [above, below] = [number("exclusiveMinimum"), number("exclusiveMaximum")];
  if (above !== undefined) limits.push(`More than ${formatNumber(above)}`);
  if (below !== undefined) limits.push(`Less than ${formatNumber(below)}`);
  range(number("minLength"), number("maxLength"), "character", "characters");
  range(number("minItems"), number("maxItems"), "item", "items");
  range(number("minProperties"), number("maxProperties"), "entry", "entries");
  const step = number("multipleOf");
  if (step !== undefined) limits.push(`A multiple of ${formatNumber(step)}`);
  if (typeof schema.format === "string" && schema.format !== "password") limits.push(`Format ${schema.format}`);
  return limits;
}

/** What people call a field. */
export function titleOf(schema: Schema, name: string): string {
  if (typeof schema.title === "string" && schema.title) return schema.title;
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : name;
}

export function descriptionOf(schema: Schema): string | undefined {
  return typeof schema.description === "string" && schema.description ? schema.description : undefined;
}
