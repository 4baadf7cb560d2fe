// The inputs of a template as a table: for those who read before they order.

import type { JsonValue } from "@bufbuild/protobuf";
import { EmptyState } from "~/components/empty-state";
import { isObject } from "~/lib/json-diff";
import { defaultOf, type Property, propertiesFor, type Schema, schemaFor } from "~/lib/schema";
import { descriptionOf, itemsOf, kindOf, limitsOf, optionsOf, titleOf, typeOf } from "~/lib/schema-fields";
import { Words } from "~/ui/words";

interface Row extends Property {
  path: string;
  depth: number;
}

/** Deeper inputs stand in the form only. */
const MAX_DEPTH = 4;

function rowsOf(root: Schema, schema: Schema, parent: string, depth: number): Row[] {
  if (depth > MAX_DEPTH) return [];
  return propertiesFor(root, schema, undefined).flatMap((property) => {
    const whole = schemaFor(root, property.schema, undefined);
    const path = parent ? `${parent}.${property.name}` : property.name;
    const items = typeOf(whole) === "array" ? itemsOf(root, whole) : undefined;
    const own: Row = { ...property, schema: whole, path, depth };
    const inner = items && isObject(items.properties) ? items : isObject(whole.properties) ? whole : undefined;
    return [own, ...(inner ? rowsOf(root, inner, items ? `${path}[]` : path, depth + 1) : [])];
  });
}

const KINDS: Record<string, string> = {
  text: "Text",
  "long-text": "Long text",
  secret: "Secret",
  number: "Number",
  switch: "Yes or no",
  choice: "Choice",
  choices: "Choices",
  list: "List",
  object: "Group",
  map: "Keys and values",
  variants: "One of several forms",
  json: "JSON",
};

/** The inputs of a version, or its outputs. */
export function InputTable({ schema, of }: { schema: Schema; of: "inputs" | "outputs" }) {
  const rows = rowsOf(schema, schema, "", 0);
  if (rows.length === 0) return <EmptyState>This version has no {of}.</EmptyState>;
  return (
    <table aria-label={of === "inputs" ? "Inputs" : "Outputs"} className="block w-full border-collapse md:table">
      <thead className="hidden md:table-header-group">
        <tr className="h-8 border-line border-b text-left text-muted text-sm">
          <th scope="col" className="w-2/5 pr-2 font-medium">
            {of === "inputs" ? "Input" : "Output"}
          </th>
          <th scope="col" className="px-2 font-medium">
            Kind
          </th>
          <th scope="col" className="px-2 font-medium">
            Default
          </th>
          <th scope="col" className="px-2 font-medium">
            Limits
          </th>
        </tr>
      </thead>
      <tbody className="block md:table-row-group">
        {rows.map((row) => (
          <InputRow key={row.path} root={schema} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function InputRow({ root, row: { name, schema, path, depth, required } }: { root: Schema; row: Row }) {
  const kind = kindOf(root, schema);
  const given = defaultOf(root, schema);
  const description = descriptionOf(schema);
  const items = kind === "list" || kind === "choices" ? itemsOf(root, schema) : undefined;
  const options = optionsOf(items ?? schema);
  const pattern = (items ?? schema).pattern;
  const limits = [...limitsOf(schema), ...(items ? limitsOf(items).map((limit) => `Each: ${limit}`) : [])];
  const CELL = "block py-0.5 align-top md:table-cell md:px-2 md:py-2";
  return (
    <tr className="block border-line border-b py-2 md:table-row md:py-0">
      <td className="block align-top md:table-cell md:py-2 md:pr-2" style={{ paddingInlineStart: depth * 16 }}>
        <p>
          <span className="font-medium" dir="auto">
            {titleOf(schema, name)}
          </span>{" "}
          {required && <span className="text-muted text-sm">required</span>}
        </p>
        <code className="text-muted">{path}</code>
        {description && (
          <p className="text-muted text-sm" dir="auto">
            <Words text={description} />
          </p>
        )}
      </td>
      <td className={CELL}>
        <Caption>Kind</Caption>
        {KINDS[kind]}
      </td>
      <td className={CELL}>
        <Caption>Default</Caption>
        {given === undefined ? <span className="text-muted">None</span> : <code>{plain(given)}</code>}
      </td>
      <td className={CELL}>
        <Caption>Limits</Caption>
        {options && kind !== "switch" && (
          <p>
            {options.map(({ label }, index) => (
              <span key={label}>
                {index > 0 && ", "}
                <code>{label}</code>
              </span>
            ))}
          </p>
        )}
        {limits.map((limit) => (
          <p key={limit}>{limit}</p>
        ))}
        {typeof pattern === "string" && (
          <p className="text-muted">
            <code className="break-all">{pattern}</code>
          </p>
        )}
        {!options && limits.length === 0 && typeof pattern !== "string" && <span className="text-muted">None</span>}
      </td>
    </tr>
  );
}

/** Stands for the column's header where there is no room for columns. */
function Caption({ children }: { children: string }) {
  return <span className="mr-2 text-muted text-sm md:hidden">{children}</span>;
}

function plain(value: JsonValue): string {
  return value === "" ? '""' : typeof value === "string" ? value : JSON.stringify(value);
}
