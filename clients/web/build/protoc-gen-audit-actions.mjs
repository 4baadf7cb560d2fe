#!/usr/bin/env node
// A plugin of buf: the audit actions that methods and request kinds name in their options, as a list. The options
// themselves stay out of what browsers load: they are a good part of every descriptor, and only servers act on them.

import { create, createFileRegistry, fromBinary, getOption, hasOption, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const request = fromBinary(CodeGeneratorRequestSchema, Buffer.concat(chunks));
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));
const [methodOption, kindOption] = ["method", "request_kind"].map((name) => {
  const option = registry.getExtension(`flagstone.options.v1.${name}`);
  if (!option) throw new Error(`The contract has no option ${name}.`);
  return option;
});

const actions = new Set();
for (const type of registry) {
  const [all, option] =
    type.kind === "service" ? [type.methods, methodOption] : type.kind === "enum" ? [type.values, kindOption] : [[]];
  for (const one of all) if (hasOption(one, option)) actions.add(getOption(one, option).auditAction);
}
actions.delete("");

const content = `// Made by build/protoc-gen-audit-actions.mjs from the contract.

/** The audit actions that the contract names, in alphabetical order. */
export const AUDIT_ACTIONS: readonly string[] = ${JSON.stringify([...actions].sort(), null, 2)};
`;
const response = create(CodeGeneratorResponseSchema, {
  supportedFeatures: 3n,
  minimumEdition: 998,
  maximumEdition: 1001,
  file: [{ name: "audit-actions.ts", content }],
});
process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));
