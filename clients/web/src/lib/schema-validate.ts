// The client's verdict on inputs, in our words. The server's is the same for all that JSON Schema can say, and comes with
// every preview; it alone knows the rules over several inputs (`x-rules`). Where the two differ, the server's counts.

import type { JsonValue } from "@bufbuild/protobuf";
import { type OutputUnit, Validator } from "@cfworker/json-schema";
import type { FieldProblem } from "~/api/errors";
import { isObject } from "./json-diff";
import { kept, type Path, pathText, type Schema, strings, withDefaults } from "./schema";

/** Errors that only say that an error stands below them. */
const WRAPPERS = new Set([
  "$ref",
  "allOf",
  "if",
  "properties",
  "patternProperties",
  "additionalProperties",
  "unevaluatedProperties",
  "items",
  "prefixItems",
  "additionalItems",
  "unevaluatedItems",
  "dependentSchemas",
]);

/** Errors that stand for those below them: which branch was meant, nobody knows. */
const WHOLE = new Set(["anyOf", "oneOf", "contains", "propertyNames"]);

const validators = new WeakMap<Schema, Validator>();

/** Everything that is wrong with inputs, under the paths of the server: `lifecycle_rules[0].days`. */
export function validateInputs(schema: Schema, inputs: JsonValue): FieldProblem[] {
  const validator = kept(validators, schema, () => new Validator(schema, "2020-12", false));
  const filled = withDefaults(schema, schema, inputs);
  const { errors } = validator.validate(filled);
  const problems: FieldProblem[] = [];
  const wholes: string[] = [];
  let refusesOthers = false;
  let isBelow = false;
  for (const error of errors) {
    // A schema of `false` has no location of its own: the error before it says where it stands.
    isBelow =
      error.keyword === "false" ? isBelow : wholes.some((location) => error.keywordLocation.startsWith(`${location}/`));
    if (isBelow) continue;
    if (!WRAPPERS.has(error.keyword)) problems.push(explain(schema, filled, error, refusesOthers));
    refusesOthers = error.keyword === "additionalProperties" || error.keyword === "unevaluatedProperties";
    if (WHOLE.has(error.keyword)) {
      wholes.push(error.keywordLocation);
      isBelow = true;
    }
  }
  const seen = new Set<string>();
  return problems.filter(({ field, message }) => {
    const key = `${field}\n${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

function explain(root: Schema, inputs: JsonValue, error: OutputUnit, refusesOthers: boolean): FieldProblem {
  const path = instancePath(inputs, error.instanceLocation);
  const owner = at(root, error.keywordLocation.slice(0, error.keywordLocation.lastIndexOf("/")));
  if (error.keyword === "false") {
    return {
      field: pathText(path),
      message: refusesOthers ? "There is no such input. Leave it out." : "Nothing is allowed here. Leave it out.",
    };
  }
  if (error.keyword === "required" || error.keyword === "dependentRequired") {
    // Its message names the property last, in quotes.
    const name = /"([^"]*)"[^"]*$/s.exec(error.error)?.[1] ?? "";
    return { field: pathText([...path, name]), message: "This is required." };
  }
  return { field: pathText(path), message: sentence(error, owner, root) };
}

function sentence(error: OutputUnit, owner: Schema, root: Schema): string {
  const limit = owner[error.keyword];
  const amount = typeof limit === "number" ? limit : 0;
  switch (error.keyword) {
    case "type":
      return `Give ${[limit].flat().map(typeWord).join(" or ")}.`;
    case "enum":
      return `Choose one of ${Array.isArray(limit) ? limit.map(plain).join(", ") : ""}.`;
    case "const":
      if (typeof limit === "boolean") return limit ? "This has to be switched on." : "This has to be switched off.";
      return `Only ${plain(limit)} is allowed here.`;
    case "minimum":
      return `At least ${amount}.`;
    case "maximum":
      return `At most ${amount}.`;
    case "exclusiveMinimum":
      return `More than ${amount}.`;
    case "exclusiveMaximum":
      return `Less than ${amount}.`;
    case "multipleOf":
      return `A multiple of ${amount}.`;
    case "minLength":
      return `At least ${counted(amount, "character", "characters")}.`;
    case "maxLength":
      return `At most ${counted(amount, "character", "characters")}.`;
    case "minItems":
      return `At least ${counted(amount, "item", "items")}.`;
    case "maxItems":
      return `At most ${counted(amount, "item", "items")}.`;
    case "minProperties":
      return `At least ${counted(amount, "entry", "entries")}.`;
    case "maxProperties":
      return `At most ${counted(amount, "entry", "entries")}.`;
    case "pattern":
      return `${owner.description ? "Does not have the form that is described. " : ""}Must match the pattern \`${plainText(limit)}\`.`;
    case "format":
      return `Must have the format \`${plainText(limit)}\`.`;
    case "uniqueItems":
      return "The items must differ from each other.";
    case "propertyNames": {
      const key = /"([^"]*)"[^"]*$/s.exec(error.error)?.[1] ?? "";
      const names = at(root, error.keywordLocation);
      const pattern = typeof names.pattern === "string" ? ` Keys match the pattern \`${names.pattern}\`.` : "";
      return `The key \`${key}\` is not allowed.${pattern}`;
    }
    case "anyOf": {
      const branches = Array.isArray(limit) ? limit.filter((one) => isObject(one)) : [];
      const names = branches.flatMap((branch) => strings(branch.required));
      // The common case: at least one of several fields.
      const isChoice = branches.every((branch) => Object.keys(branch).every((key) => key === "required"));
      return isChoice && names.length > 0
        ? `At least one of these is needed: ${names.map((name) => titleIn(owner, name)).join(", ")}.`
        : "Fits none of the forms that are allowed here.";
    }
    case "oneOf":
      return "Fits none, or several, of the forms of which one is needed here.";
    default:
      return "This is not accepted.";
  }
}

function titleIn(owner: Schema, name: string): string {
  const property = isObject(owner.properties) ? owner.properties[name] : undefined;
  return isObject(property) && typeof property.title === "string" ? property.title : name;
}

function counted(limit: number, one: string, many: string): string {
  return `${limit} ${limit === 1 ? one : many}`;
}

function plain(value: JsonValue | undefined): string {
  return typeof value === "string" ? `\`${value}\`` : JSON.stringify(value);
}

function plainText(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

const TYPES: Record<string, string> = {
  null: "null",
  boolean: "true or false",
  integer: "a whole number",
  number: "a number",
  string: "text",
  array: "a list",
  object: "an object",
};

function typeWord(type: JsonValue | undefined): string {
  return (typeof type === "string" && TYPES[type]) || "another value";
}

function pointerParts(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The path of a pointer into a value: numbers where the value has lists. */
function instancePath(value: JsonValue, pointer: string): Path {
  let here: JsonValue | undefined = value;
  return pointerParts(pointer).map((part) => {
    const isIndex = Array.isArray(here);
    here = Array.isArray(here) ? here[Number(part)] : isObject(here) ? here[part] : undefined;
    return isIndex ? Number(part) : part;
  });
}

/** The schema at a location, through the references on the way. */
function at(root: Schema, location: string): Schema {
  let here: JsonValue | undefined = root;
  for (const part of pointerParts(location)) {
    const member: JsonValue | undefined = Array.isArray(here)
      ? here[Number(part)]
      : isObject(here)
        ? here[part]
        : undefined;
    here = part === "$ref" && typeof member === "string" ? at(root, member) : member;
  }
  return isObject(here) ? here : {};
}
