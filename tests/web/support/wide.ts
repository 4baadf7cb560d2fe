// A template with 200 inputs of every kind, in sections, made here rather than kept as 1,500 lines of YAML.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How many inputs it has. */
export const WIDE_INPUTS = 200;

const KINDS: readonly (readonly [string, object])[] = [
  ["string", { maxLength: 60, default: "text" }],
  ["integer", { minimum: 0, maximum: 1_000, default: 7 }],
  ["boolean", { default: true }],
  ["string", { enum: ["one", "two", "three"], default: "two" }],
];

/** The same in Terraform's words. */
const VARIABLES: Record<string, string> = { string: "string", integer: "number", boolean: "bool" };

/** Writes the template `wide` into a folder of templates. JSON is YAML. */
export function writeWideTemplate(folder: string): void {
  const kinds = Array.from({ length: WIDE_INPUTS }, (_, index) => {
    const number = String(index + 1).padStart(3, "0");
    const [type, rules] = KINDS[index % KINDS.length] ?? ["string", {}];
    const schema = { title: `Input ${number}`, description: `Number ${number} of many.`, type, ...rules };
    return { id: `input_${number}`, type, schema };
  });
  const object = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    additionalProperties: false,
  };
  const manifest = {
    id: "wide",
    name: "Wide",
    version: "1.0.0",
    author: "Flagstone",
    description: `${WIDE_INPUTS} inputs of every kind.`,
    category: "Tests",
    provider: "NONE",
    engine: "TERRAFORM",
    kind: "INFRASTRUCTURE",
    icon: "rows",
    recommended: false,
    entrypoint: "main.tf",
    guide: "GUIDE.md",
    soft_timeout_seconds: 60,
    hard_timeout_seconds: 120,
    inputs: {
      ...object,
      required: ["input_001"],
      properties: Object.fromEntries(kinds.map(({ id, schema }) => [id, schema])),
    },
    outputs: { ...object, properties: {} },
  };
  const variables = kinds.map(
    ({ id, type }) => `variable "${id}" {
  type = ${VARIABLES[type]}
}
`,
  );
  const resource = 'resource "terraform_data" "wide" {\n  input = var.input_001\n}\n';
  const place = join(folder, "wide");
  mkdirSync(place);
  writeFileSync(join(place, "template.yaml"), JSON.stringify(manifest));
  writeFileSync(
    join(place, "main.tf"),
    `terraform {\n  required_version = ">= 1.5"\n}\n\n${resource}\n${variables.join("\n")}`,
  );
  writeFileSync(join(place, "GUIDE.md"), "# Wide\n\nFor the tests of the web client. Not for people.\n");
}
