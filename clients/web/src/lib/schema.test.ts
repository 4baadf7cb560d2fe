// @vitest-environment node
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { isObject } from "./json-diff";
import {
  pathText,
  propertiesFor,
  type Schema,
  schemaFor,
  setAt,
  strings,
  unknownMembers,
  withDefaults,
  withoutSecrets,
} from "./schema";
import { kindOf, limitsOf, optionsOf, parseNumber, variantsOf } from "./schema-fields";
import { validateInputs } from "./schema-validate";

const TEMPLATES = join(import.meta.dirname, "../../../../templates");

/** The templates that ship with examples. */
function published(): string[] {
  return readdirSync(TEMPLATES).filter(
    (name) => existsSync(join(TEMPLATES, name, "template.yaml")) && casesOf(name).length > 0,
  );
}

interface Case {
  file: string;
  inputs: JsonObject;
  /** What the server names; empty for valid inputs. */
  fields: string[];
}

function casesOf(template: string): Case[] {
  const directory = join(TEMPLATES, template, "tests");
  const files = readdirSync(directory).filter((file) => /^(valid|invalid).*\.json$/.test(file));
  return files.map((file) => {
    const content = JSON.parse(readFileSync(join(directory, file), "utf8")) as JsonObject;
    if (file.startsWith("valid")) return { file, inputs: content, fields: [] };
    return { file, inputs: isObject(content.inputs) ? content.inputs : {}, fields: strings(content.fields) };
  });
}

function inputSchema(template: string): Schema {
  const manifest = parse(readFileSync(join(TEMPLATES, template, "template.yaml"), "utf8")) as JsonValue;
  if (!isObject(manifest) || !isObject(manifest.inputs)) throw new Error(`${template} has no inputs.`);
  return manifest.inputs;
}

/** The inputs whose rules only the server judges. */
function ruled(schema: Schema): string[] {
  const rules = Array.isArray(schema["x-rules"]) ? schema["x-rules"] : [];
  return rules.flatMap((rule) => (isObject(rule) ? strings([rule.field ?? null, rule.each ?? null]) : []));
}

describe.each(published())("%s", (template) => {
  const schema = inputSchema(template);
  test.each(casesOf(template).map((one) => [one.file, one] as const))("%s", (_, { inputs, fields }) => {
    const found = [...new Set(validateInputs(schema, inputs).map(({ field }) => field))].sort();
    const byRules = fields.filter((field) => ruled(schema).includes(field.replace(/\[\d+\]$/, "")));
    expect(found).toEqual(fields.filter((field) => found.includes(field) || !byRules.includes(field)).sort());
    if (found.length === 0) expect(byRules).toEqual(fields);
  });
});

describe("paths", () => {
  test("are written as the server writes them", () => {
    expect(pathText(["lifecycle_rules", 0, "transitions", 1, "days"])).toBe("lifecycle_rules[0].transitions[1].days");
  });

  test("change one value and keep the others as they are", () => {
    const before = { a: { b: [1, { c: 2 }] }, d: { e: 1 } };
    const after = setAt(before, ["a", "b", 1, "c"], 3);
    expect(after).toEqual({ a: { b: [1, { c: 3 }] }, d: { e: 1 } });
    expect(isObject(after) && after.d).toBe(before.d);
    expect(setAt(before, ["a", "b", 0], undefined)).toEqual({ a: { b: [{ c: 2 }] }, d: { e: 1 } });
    expect(setAt(before, ["d"], undefined)).toEqual({ a: { b: [1, { c: 2 }] } });
  });
});

const EXAMPLE: Schema = {
  type: "object",
  additionalProperties: false,
  required: ["kind"],
  properties: {
    size: { type: "integer", "x-order": 2, minimum: 1, maximum: 100 },
    kind: { enum: ["small", "large"], default: "small", "x-order": 1 },
    address: { $ref: "#/$defs/address", "x-order": 3 },
    token: { type: "string", "x-flagstone-secret": true },
    users: { type: "array", items: { type: "object", properties: { name: {}, password: { format: "password" } } } },
  },
  $defs: { address: { type: "object", properties: { street: { type: "string", default: "Main" } } } },
  allOf: [
    {
      if: { properties: { kind: { const: "large" } } },
      // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
      then: { required: ["size"], properties: { size: { minimum: 50 }, reason: { type: "string", "x-order": 4 } } },
    },
  ],
};

const names = (value: JsonValue) => propertiesFor(EXAMPLE, EXAMPLE, value).map(({ name }) => name);

describe("fields", () => {
  test("stand in their author's order, and branches bring their own", () => {
    expect(names({})).toEqual(["kind", "size", "address", "token", "users"]);
    expect(names({ kind: "large" })).toEqual(["kind", "size", "address", "reason", "token", "users"]);
    const size = propertiesFor(EXAMPLE, EXAMPLE, { kind: "large" }).find(({ name }) => name === "size");
    expect(size?.required).toBe(true);
    expect(size && limitsOf(size.schema)).toEqual(["50 to 100"]);
  });

  test("keep their schema's identity while nothing changes", () => {
    const find = () => propertiesFor(EXAMPLE, EXAMPLE, { kind: "large" }).map(({ schema }) => schema);
    expect(find().every((schema, index) => schema === find()[index])).toBe(true);
  });

  test("that the schema does not know are found", () => {
    expect(unknownMembers(EXAMPLE, EXAMPLE, { kind: "small", colour: "red" })).toEqual(["colour"]);
    expect(unknownMembers(EXAMPLE, EXAMPLE, { kind: "large", reason: "growth" })).toEqual([]);
  });

  test.each<[Schema, string]>([
    [{ type: "string" }, "text"],
    [{ type: "string", maxLength: 4096 }, "long-text"],
    [{ type: "string", format: "password" }, "secret"],
    [{ type: ["string", "null"] }, "text"],
    [{ type: "integer" }, "number"],
    [{ type: "boolean", const: true }, "switch"],
    [{ enum: [1, 2] }, "choice"],
    [{ oneOf: [{ const: "a", title: "First" }, { const: "b" }] }, "choice"],
    [{ type: "array", uniqueItems: true, items: { enum: ["a"] } }, "choices"],
    [{ type: "array", items: { type: "string" } }, "list"],
    [{ type: "object", properties: { a: {} } }, "object"],
    [{ type: "object", additionalProperties: { type: "string" } }, "map"],
    [{ type: "object", anyOf: [{ required: ["a"] }, { required: ["b"] }], properties: { a: {}, b: {} } }, "object"],
    [{ oneOf: [{ type: "string" }, { type: "object", properties: { a: {} } }] }, "variants"],
    [{}, "json"],
  ])("%j is a %s", (schema, kind) => {
    expect(kindOf(schema, schema)).toBe(kind);
  });

  test("with branches of one value each have the titles as labels", () => {
    expect(optionsOf({ oneOf: [{ const: "a", title: "First" }, { const: "b" }] })).toEqual([
      { value: "a", label: "First" },
      { value: "b", label: "b" },
    ]);
    expect(variantsOf({}, { oneOf: [{ type: "string", title: "By name" }, { type: "integer" }] })).toMatchObject([
      { label: "By name" },
      { label: "Form 2" },
    ]);
  });

  test("of a schema that contains itself end", () => {
    const schema: Schema = { type: "object", properties: { next: { $ref: "#" } }, allOf: [{ $ref: "#" }] };
    expect(propertiesFor(schema, schema, { next: { next: {} } })).toHaveLength(1);
    expect(schemaFor(schema, schema, {}).type).toBe("object");
  });
});

describe("values", () => {
  test("get the defaults that the server fills in, also inside of what is given", () => {
    expect(withDefaults(EXAMPLE, EXAMPLE, {})).toEqual({ kind: "small" });
    expect(withDefaults(EXAMPLE, EXAMPLE, { address: {} })).toEqual({ kind: "small", address: { street: "Main" } });
  });

  test("lose their secrets, in lists too", () => {
    const value = { kind: "small", token: "t", users: [{ name: "a", password: "p" }] };
    expect(withoutSecrets(EXAMPLE, EXAMPLE, value)).toEqual({ kind: "small", users: [{ name: "a" }] });
  });

  test.each([
    ["7", 7],
    [" -1.5 ", -1.5],
    ["1e3", 1000],
    ["", ""],
    ["1,5", "1,5"],
    ["0x10", "0x10"],
    ["Infinity", "Infinity"],
  ])("%j is the number %j", (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });
});

describe("a verdict", () => {
  test("names what is missing, and what a condition asks for", () => {
    expect(validateInputs(EXAMPLE, { kind: "large" })).toEqual([{ field: "size", message: "This is required." }]);
    expect(validateInputs(EXAMPLE, { kind: "large", size: 3 })).toEqual([{ field: "size", message: "At least 50." }]);
    expect(validateInputs(EXAMPLE, { size: "many" })).toEqual([{ field: "size", message: "Give a whole number." }]);
  });

  test("says of several forms one thing", () => {
    const schema: Schema = {
      type: "object",
      properties: { a: { title: "First" }, b: {} },
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    };
    expect(validateInputs(schema, {})).toEqual([{ field: "", message: "At least one of these is needed: First, b." }]);
  });
});
