// Inputs, outputs and attributes: one value, a whole object, or what differs between two.

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Minus, Pencil, Plus } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { cn } from "~/lib/cn";
import { count, formatNumber } from "~/lib/format";
import { compareJson, isObject, type Leaf, MASK } from "~/lib/json-diff";
import { propertiesFor } from "~/lib/schema";
import { Button } from "~/ui/button";

/** Longer texts and lists are cut, and shown whole on demand. */
const LONG_TEXT = 400;
const LONG_LIST = 20;

export interface ValueViewProps {
  /** `undefined`: there is none. */
  value: JsonValue | undefined;
  sensitive?: boolean;
  /** It becomes known only during the apply. */
  unknown?: boolean;
}

/** One value. A secret is dots, whatever the server sent; a text that could be taken for something else has quotes. */
export function ValueView({ value, sensitive, unknown }: ValueViewProps) {
  if (unknown) return <em className="text-muted">known after apply</em>;
  if (value === undefined) return <em className="text-muted">not set</em>;
  if (sensitive || value === MASK) {
    return (
      <span role="img" aria-label="Sensitive value, not shown" className="font-mono text-muted text-sm">
        {MASK}
      </span>
    );
  }
  if (typeof value === "string") return <TextValue text={value} />;
  if (typeof value === "object" && value !== null) return <StructuredValue value={value} />;
  return <code>{String(value)}</code>;
}

function TextValue({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  const ambiguous = text === "" || text !== text.trim() || /^(true|false|null|-?\d[\d.eE+-]*|\[.*|\{.*)$/.test(text);
  const shown = ambiguous ? JSON.stringify(text) : text;
  const isCut = !whole && shown.length > LONG_TEXT;
  return (
    <>
      <code dir="auto" className="wrap-anywhere whitespace-pre-wrap">
        {isCut ? `${shown.slice(0, LONG_TEXT)}…` : shown}
      </code>
      {isCut && <ShowAll onClick={() => setWhole(true)}>Show all {formatNumber(shown.length)} characters</ShowAll>}
    </>
  );
}

function StructuredValue({ value }: { value: JsonObject | JsonValue[] }) {
  const text = useMemo(() => {
    const line = JSON.stringify(value);
    return line.length <= 80 ? line : JSON.stringify(value, null, 2);
  }, [value]);
  const [whole, setWhole] = useState(false);
  const lines = text.split("\n");
  const isCut = !whole && lines.length > LONG_LIST;
  return (
    <>
      <code dir="auto" className="wrap-anywhere whitespace-pre-wrap">
        {isCut ? `${lines.slice(0, LONG_LIST).join("\n")}\n…` : text}
      </code>
      {isCut && <ShowAll onClick={() => setWhole(true)}>Show all {count(lines.length, "line")}</ShowAll>}
    </>
  );
}

function ShowAll({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" onClick={onClick} className="ml-1 text-accent-strong text-sm hover:underline">
      {children}
    </button>
  );
}

export interface ValuesViewProps {
  values: JsonObject;
  /** The JSON Schema of the values: gives them titles. */
  schema?: JsonObject | undefined;
}

/** Named values, with titles and order as their schema has them; what is nested is indented. */
export function ValuesView({ values, schema }: ValuesViewProps) {
  return <Values values={values} schema={schema} root={schema} />;
}

function Values({ values, schema, root }: ValuesViewProps & { root: JsonObject | undefined }) {
  const [whole, setWhole] = useState(false);
  const members = useMemo(() => membersOf(values, schema, root), [values, schema, root]);
  if (members.length === 0) return <p className="text-muted">None</p>;
  const shown = whole ? members : members.slice(0, LONG_LIST);
  return (
    <>
      <dl className="grid grid-cols-[minmax(96px,max-content)_minmax(0,1fr)] gap-x-4 gap-y-1.5">
        {shown.map(({ name, title, property }) => {
          const value = values[name];
          return (
            <div key={name} className="contents">
              <dt className="max-w-32 min-w-0 text-muted sm:max-w-64" title={title ? name : undefined} dir="auto">
                {title ?? <code>{name}</code>}
              </dt>
              <dd className="min-w-0">
                {isObject(value) && Object.keys(value).length > 0 ? (
                  <div className="border-line border-l-2 pl-3">
                    <Values values={value} schema={property} root={root} />
                  </div>
                ) : (
                  <ValueView value={value} />
                )}
              </dd>
            </div>
          );
        })}
      </dl>
      {shown.length < members.length && (
        <Button size="sm" className="mt-2" onClick={() => setWhole(true)}>
          Show all {formatNumber(members.length)} values
        </Button>
      )}
    </>
  );
}

interface Member {
  name: string;
  title: string | undefined;
  property: JsonObject | undefined;
}

/** The members that are there: in the order of the schema, then those it does not name. */
function membersOf(values: JsonObject, schema: JsonObject | undefined, root: JsonObject | undefined): Member[] {
  const known = schema && root ? propertiesFor(root, schema, values) : [];
  const named = known
    .filter(({ name }) => Object.hasOwn(values, name))
    .map(({ name, schema: property }) => ({ name, title: titleOf(property), property }));
  const others = Object.keys(values)
    .filter((name) => !named.some((member) => member.name === name))
    .sort((a, b) => a.localeCompare(b, "en"));
  return [...named, ...others.map((name) => ({ name, title: undefined, property: undefined }))];
}

function titleOf(property: JsonObject | undefined): string | undefined {
  return typeof property?.title === "string" ? property.title : undefined;
}

export interface ValuesDiffProps {
  before: JsonObject;
  after: JsonObject;
  schema?: JsonObject | undefined;
}

/** What differs between two objects, leaf by leaf; what is the same is one click away. */
export function ValuesDiff({ before, after, schema }: ValuesDiffProps) {
  const [showSame, setShowSame] = useState(false);
  const leaves = useMemo(() => compareJson(before, after), [before, after]);
  const titles = useMemo(
    () =>
      new Map(schema ? propertiesFor(schema, schema, after).map(({ name, schema }) => [name, titleOf(schema)]) : []),
    [schema, after],
  );
  const same = leaves.filter(({ change }) => change === "same").length;
  const shown = showSame ? leaves : leaves.filter(({ change }) => change !== "same");
  return (
    <div className="flex flex-col gap-2">
      {shown.length > 0 ? (
        <table className="w-full table-fixed border-collapse" aria-label="Differences">
          <thead>
            <tr className="h-8 border-line border-b text-left text-muted text-sm">
              <th scope="col" className="w-2/5 font-medium sm:w-1/3">
                Value
              </th>
              <th scope="col" className="px-2 font-medium">
                Before
              </th>
              <th scope="col" className="px-2 font-medium">
                After
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((leaf) => (
              <LeafRow key={leaf.path} leaf={leaf} title={titles.get(leaf.path)} />
            ))}
          </tbody>
        </table>
      ) : (
        <p className="text-muted">Nothing differs.</p>
      )}
      {same > 0 && (
        <div>
          <Button size="sm" variant="ghost" aria-pressed={showSame} onClick={() => setShowSame(!showSame)}>
            {showSame ? "Hide" : "Show"} {count(same, "unchanged value")}
          </Button>
        </div>
      )}
    </div>
  );
}

const LEAF_LOOKS = {
  added: { word: "Added", icon: Plus, classes: "text-succeeded" },
  removed: { word: "Removed", icon: Minus, classes: "text-failed" },
  changed: { word: "Changed", icon: Pencil, classes: "text-waiting" },
  same: { word: "Unchanged", icon: null, classes: "text-muted" },
} as const;

function LeafRow({ leaf: { path, change, before, after }, title }: { leaf: Leaf; title: string | undefined }) {
  const { word, icon: Icon, classes } = LEAF_LOOKS[change];
  // Two secrets look alike: the server keeps to itself whether they are.
  const isHidden = before === MASK && after === MASK;
  return (
    <tr className="border-line border-b align-top">
      <th scope="row" className="py-1.5 text-left font-normal">
        <span className="flex items-start gap-1.5">
          <span className={cn("mt-0.5 inline-flex size-4 shrink-0", classes)}>
            {Icon && <Icon aria-hidden className="size-4" />}
            <span className="sr-only">{word}</span>
          </span>
          <span className="min-w-0" title={title ? path : undefined} dir="auto">
            {title ?? <code>{path}</code>}
          </span>
        </span>
      </th>
      <td className="px-2 py-1.5">
        <ValueView value={before} />
      </td>
      <td className="px-2 py-1.5">
        <ValueView value={after} />
        {isHidden && <span className="ml-1 text-muted text-sm">not comparable here</span>}
      </td>
    </tr>
  );
}
