// What a person fills in to ask for a change, and how it becomes the content of a request.

import type { JsonObject, JsonValue, MessageInitShape } from "@bufbuild/protobuf";
import type { FieldProblem } from "~/api/errors";
import type { Deployment } from "~/gen/flagstone/v1/deployment_service_pb";
import type { Request, RequestSchema } from "~/gen/flagstone/v1/request_service_pb";
import { isObject, MASK } from "./json-diff";
import { unitOf } from "./names";
import type { Schema } from "./schema";
import { titleOf } from "./schema-fields";

export type RequestInit = MessageInitShape<typeof RequestSchema>;

/** What is asked for. Destroying asks for nothing more, so it has no form of its own. */
export type FormKind = "create" | "update" | "destroy";

export interface Tag {
  /** Tells rows apart while their keys are typed. */
  id: string;
  key: string;
  value: string;
}

export interface RequestForm {
  title: string;
  description: string;
  /** `templates/{template}/versions/{semver}`. */
  templateVersion: string;
  /** `businessUnits/{bu}` that is asked; empty until one is chosen. */
  unit: string;
  /** CREATE: `businessUnits/{bu}/environments/{env}`; empty until one is chosen. */
  environment: string;
  deploymentId: string;
  displayName: string;
  costCenter: string;
  projectCode: string;
  /** UPDATE and DESTROY: `businessUnits/{bu}/deployments/{d}`. */
  deployment: string;
  inputs: JsonObject;
  tags: Tag[];
}

/** The tag that the platform sets on everything: nobody sends it. */
const PLATFORM_TAG = "business_unit";

export const EMPTY_FORM: RequestForm = {
  title: "",
  description: "",
  templateVersion: "",
  unit: "",
  environment: "",
  deploymentId: "",
  displayName: "",
  costCenter: "",
  projectCode: "",
  deployment: "",
  inputs: {},
  tags: [],
};

export function tagsFrom(tags: Record<string, string>): Tag[] {
  const own = Object.entries(tags).filter(([key]) => key !== PLATFORM_TAG);
  return own.sort(([a], [b]) => a.localeCompare(b, "en")).map(([key, value]) => ({ id: key, key, value }));
}

function tagMap(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries(tags.filter(({ key }) => key !== "").map(({ key, value }) => [key, value]));
}

/** The form as it stands for an existing request. Masked secrets are left out: nobody can send them. */
export function formOf(request: Request): RequestForm {
  const common = {
    ...EMPTY_FORM,
    unit: `businessUnits/${unitOf(request.name || request.deployment || request.environment)}`,
    title: request.title,
    description: request.description,
    tags: tagsFrom(request.tags),
  };
  const { payload } = request;
  if (payload.case === "create") {
    const { templateVersion, environment, deploymentId, displayName, inputs, costCenter, projectCode } = payload.value;
    return {
      ...common,
      templateVersion,
      environment,
      deploymentId,
      displayName,
      costCenter,
      projectCode,
      inputs: withoutMasks(inputs ?? {}),
    };
  }
  if (payload.case === "update") {
    const { deployment, templateVersion, inputs } = payload.value;
    return { ...common, deployment, templateVersion, inputs: withoutMasks(inputs ?? {}) };
  }
  return { ...common, deployment: payload.case === "destroy" ? payload.value.deployment : "" };
}

/** The form that changes a deployment, as the deployment is now. */
export function formForUpdate(deployment: Deployment): RequestForm {
  return {
    ...EMPTY_FORM,
    unit: `businessUnits/${unitOf(deployment.name)}`,
    deployment: deployment.name,
    templateVersion: deployment.templateVersion,
    inputs: withoutMasks(deployment.inputs ?? {}),
    tags: tagsFrom(deployment.tags),
  };
}

/** What a person would have to type anew, as paths are counted: how many values are masked. */
export function maskedCount(value: JsonValue | undefined): number {
  if (value === MASK) return 1;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + maskedCount(item), 0);
  if (isObject(value)) return Object.values(value).reduce<number>((sum, member) => sum + maskedCount(member), 0);
  return 0;
}

function withoutMasks(members: JsonObject): JsonObject {
  const clean = (value: JsonValue): JsonValue | undefined => {
    if (value === MASK) return undefined;
    if (Array.isArray(value)) return value.map(clean).filter((item) => item !== undefined);
    return isObject(value) ? withoutMasks(value) : value;
  };
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(members)) {
    const own = clean(value);
    if (own !== undefined) kept[name] = own;
  }
  return kept;
}

export interface Sent {
  /** The inputs are as they were: the server keeps what it has, secrets included. */
  keepInputs?: boolean;
  /** The tags are as they were. */
  keepTags?: boolean;
}

/** The content of the request that a form asks for. */
export function requestOf(kind: FormKind, form: RequestForm, { keepInputs, keepTags }: Sent = {}): RequestInit {
  const common = {
    title: form.title,
    description: form.description,
    tags: keepTags || kind === "destroy" ? {} : tagMap(form.tags),
  };
  const inputs = keepInputs ? {} : { inputs: form.inputs };
  switch (kind) {
    case "create": {
      const { templateVersion, environment, deploymentId, displayName, costCenter, projectCode } = form;
      const value = { templateVersion, environment, deploymentId, displayName, costCenter, projectCode, ...inputs };
      return { ...common, payload: { case: "create", value } };
    }
    case "update": {
      const { deployment, templateVersion } = form;
      return { ...common, payload: { case: "update", value: { deployment, templateVersion, ...inputs } } };
    }
    case "destroy":
      return { ...common, payload: { case: "destroy", value: { deployment: form.deployment } } };
  }
}

/** What is wrong with a form before anybody is asked. */
export function formProblems(kind: FormKind, form: RequestForm): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (kind === "create" && !form.unit) {
    problems.push({ field: "request.create.unit", message: "Choose a business unit." });
  } else if (kind === "create" && !form.environment) {
    problems.push({ field: "request.create.environment", message: "Choose an environment." });
  }
  form.tags.forEach(({ key, value }, index) => {
    if (key === "" && value !== "") problems.push({ field: tagField(""), message: "Give the tag a key." });
    if (key !== "" && form.tags.findIndex((tag) => tag.key === key) < index) {
      problems.push({ field: tagField(key), message: `The tag ${key} is there twice. Give each key once.` });
    }
  });
  return problems;
}

/** The path of a tag, as the server writes it. */
export function tagField(key: string): string {
  return `request.tags[${key}]`;
}

/** The path of the inputs in a call. */
export function inputsField(kind: FormKind): string {
  return `request.${kind}.inputs`;
}

/** The problems of the inputs alone, with paths that start in them. */
export function inputProblems(kind: FormKind, problems: readonly FieldProblem[]): FieldProblem[] {
  const prefix = inputsField(kind);
  return problems.flatMap(({ field, message }) =>
    field === prefix
      ? [{ field: "", message }]
      : field.startsWith(`${prefix}.`)
        ? [{ field: field.slice(prefix.length + 1), message }]
        : [],
  );
}

/** The tags that a verdict misses: `request.tags[owner]` where there is no row for `owner`. */
export function missingTags(problems: readonly FieldProblem[], tags: readonly Tag[]): string[] {
  const known = new Set(tags.map(({ key }) => key));
  const keys = problems.flatMap(({ field }) => /^request\.tags\[(.+)\]$/.exec(field)?.[1] ?? []);
  return [...new Set(keys)].filter((key) => !known.has(key));
}

/**
 * The verdict of the client and the latest of the server as one. While the server's is for what the form holds now, it
 * counts, in the client's shorter words where both say something about a field. Otherwise both are shown.
 */
export function verdictOf(
  client: readonly FieldProblem[],
  server: readonly FieldProblem[],
  isCurrent: boolean,
): FieldProblem[] {
  const told = new Set(client.map(({ field }) => field));
  const named = new Set(server.map(({ field }) => field));
  const own = isCurrent ? client.filter(({ field }) => named.has(field)) : client;
  return [...own, ...server.filter(({ field }) => !told.has(field))];
}

const LABELS: Record<string, string> = {
  title: "Title",
  description: "Description",
  tags: "Tags",
  unit: "Business unit",
  environment: "Environment",
  deployment_id: "Deployment id",
  display_name: "Display name",
  cost_center: "Cost center",
  project_code: "Project code",
  template_version: "Version",
  deployment: "Deployment",
  inputs: "Inputs",
};

/** What people call a field of a call, from its path. */
export function labelOf(field: string, kind: FormKind, schema: Schema | undefined): string {
  const tag = /^request\.tags\[(.*)\]$/.exec(field)?.[1];
  if (tag !== undefined) return tag ? `Tag ${tag}` : "Tags";
  const [input] = inputProblems(kind, [{ field, message: "" }]);
  if (!input) return LABELS[field.replace(/^request\.(create\.|update\.|destroy\.)?/, "")] ?? field;
  const titles: string[] = [];
  let here: Schema | undefined = schema;
  for (const part of input.field.match(/\[\d+\]|[^.[\]]+/g) ?? []) {
    if (part.startsWith("[")) {
      titles.push(String(Number(part.slice(1, -1)) + 1));
      here = here && isObject(here.items) ? here.items : undefined;
    } else {
      const property: JsonValue | undefined = isObject(here?.properties) ? here.properties[part] : undefined;
      here = isObject(property) ? property : undefined;
      titles.push(here ? titleOf(here, part) : part);
    }
  }
  return titles.join(" › ") || "Inputs";
}

/** The id of the control that a path is about. */
export function anchorOf(field: string, kind: FormKind): string {
  const [input] = inputProblems(kind, [{ field, message: "" }]);
  if (input) return `inputs-${input.field}`.replaceAll(/\s/g, "_");
  const tag = /^request\.tags\[(.*)\]$/.exec(field)?.[1];
  if (tag !== undefined) return `tag-${tag}`;
  return `field-${field.replace(/^request\.(create\.|update\.|destroy\.)?/, "")}`;
}
