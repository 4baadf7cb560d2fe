// Filters of lists. A list declares what it can be filtered by; the address holds the chosen values as texts, and from
// them, and only from them, comes the filter in the server's language (AIP-160).

/** A text as a literal of a filter. */
export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Joins conditions; what is absent is left out. */
export function allOf(...conditions: (string | false | undefined)[]): string {
  return conditions.filter(Boolean).join(" AND ");
}

/** One of several values of a field; nothing where there are none. */
export function oneOf(field: string, values: readonly string[]): string | undefined {
  if (values.length === 0) return undefined;
  return `(${values.map((value) => `${field} = ${value}`).join(" OR ")})`;
}

/** One value that can be chosen, and what people read. */
export interface Option {
  value: string;
  label: string;
}

/** One thing that a list can be filtered by. */
export type FilterField = {
  label: string;
  /** The field in the server's language. */
  field: string;
} & (
  | { kind: "search" }
  /** Some of a few words, or some of many objects by resource name; objects come with the page. */
  | { kind: "choice"; options: readonly Option[] }
  | { kind: "object" }
  /** A person, by username. */
  | { kind: "person" }
  /** A text that must be equal. */
  | { kind: "exact"; placeholder: string; suggestions?: readonly string[] }
  | { kind: "time" }
  | { kind: "tags" }
);

/** What a list can be filtered by; the keys are the parameters of the address. */
export type FilterFields = Record<string, FilterField>;

/** What is chosen, as the address holds it. An absent key filters nothing. */
export type FilterValues<Fields extends FilterFields = FilterFields> = { [Key in keyof Fields]?: string };

/** The server takes no longer text to look for. */
export const MAX_SEARCH = 100;

const TAG = /^([a-z][a-z0-9_-]{0,99})=(.+)$/s;
const MAX_CHOSEN = 20;

/** Several values in one parameter, between commas. */
export function joinValues(values: readonly string[]): string {
  return values.map((value) => value.replaceAll("\\", "\\\\").replaceAll(",", "\\,")).join(",");
}

/** What `joinValues` joined. */
export function splitValues(text: string | undefined): string[] {
  const values = (text ?? "").match(/(?:\\.|[^,\\])+/gs) ?? [];
  return values.map((value) => value.replaceAll(/\\(.)/gs, "$1"));
}

/** A range of time: either end may be absent. */
export interface TimeRange {
  from?: string | undefined;
  to?: string | undefined;
}

/** A range as it stands in the address: `from..to`. */
export function joinRange({ from = "", to = "" }: TimeRange): string {
  return from || to ? `${from}..${to}` : "";
}

/** What `joinRange` joined; an end that is no time is absent. */
export function splitRange(text: string | undefined): TimeRange {
  const [from = "", to = ""] = (text ?? "").split("..");
  const time = (end: string) => (Number.isNaN(Date.parse(end)) ? undefined : new Date(end).toISOString());
  return { from: time(from), to: time(to) };
}

/** Reads a tag as people write it, `key=value`; `undefined` where that is none. */
export function readTag(text: string): { key: string; value: string } | undefined {
  const [, key, value] = TAG.exec(text.trim()) ?? [];
  return key && value ? { key, value } : undefined;
}

/** The resource name of a person in the address: a username, or a principal's whole name. */
export function principalName(text: string): string {
  return text.includes("/") || text === "system" ? text : `users/${text}`;
}

/**
 * What an address holds under some keys, as texts. For routes: their code is part of every page's first load, and what the
 * texts mean only the list knows, which reads them with `readFilters`.
 */
export function readTexts<Key extends string>(
  keys: Record<Key, true>,
  search: Record<string, unknown>,
): { [Found in Key]?: string } {
  const values: { [Found in Key]?: string } = {};
  for (const key of Object.keys(keys) as Key[]) {
    const text = textOf(search[key]);
    if (text) values[key] = text;
  }
  return values;
}

/** The router reads `?q=42` as a number. */
function textOf(raw: unknown): string {
  return typeof raw === "string" || typeof raw === "number" || typeof raw === "boolean" ? `${raw}`.trim() : "";
}

/** The values of a list in an address; what the list does not know is dropped. */
export function readFilters<Fields extends FilterFields>(
  fields: Fields,
  search: Record<string, unknown>,
): FilterValues<Fields> {
  const values: FilterValues<Fields> = {};
  for (const [key, field] of Object.entries(fields) as [keyof Fields & string, FilterField][]) {
    const value = accepted(field, textOf(search[key]));
    if (value) values[key] = value;
  }
  return values;
}

function accepted(field: FilterField, text: string): string {
  switch (field.kind) {
    case "search":
      return [...text].slice(0, MAX_SEARCH).join("");
    case "choice":
      return joinValues(splitValues(text).filter((value) => field.options.some((option) => option.value === value)));
    case "object":
      return joinValues(splitValues(text).slice(0, MAX_CHOSEN));
    case "time":
      return joinRange(splitRange(text));
    case "tags":
      return joinValues(splitValues(text).filter(readTag).slice(0, MAX_CHOSEN));
    default:
      return text;
  }
}

/** The filter in the server's language; empty where nothing is chosen. */
export function toFilter<Fields extends FilterFields>(fields: Fields, values: FilterValues<Fields>): string {
  return allOf(...Object.entries(fields).map(([key, field]) => condition(field, values[key] ?? "")));
}

function condition(field: FilterField, value: string): string | undefined {
  if (!value) return undefined;
  switch (field.kind) {
    case "search":
      return `${field.field} : ${quoted(value)}`;
    case "choice":
      return oneOf(field.field, splitValues(value));
    case "object":
      return oneOf(field.field, splitValues(value).map(quoted));
    case "person":
      return `${field.field} = ${quoted(principalName(value))}`;
    case "exact":
      return `${field.field} = ${quoted(value)}`;
    case "time": {
      const { from, to } = splitRange(value);
      return allOf(from && `${field.field} >= ${quoted(from)}`, to && `${field.field} < ${quoted(to)}`);
    }
    case "tags":
      return allOf(
        ...splitValues(value).map((text) => {
          const tag = readTag(text);
          return tag && `tags.${tag.key} = ${quoted(tag.value)}`;
        }),
      );
  }
}

/** True where something is chosen. */
export function isFiltered(values: FilterValues): boolean {
  return Object.values(values).some(Boolean);
}
