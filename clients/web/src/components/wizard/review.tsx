// The second step: what is asked for, and what asking would do, by the server's own dry run.

import type { JsonObject } from "@bufbuild/protobuf";
import type { ReactNode } from "react";
import { EffectsPreview } from "~/components/effects-preview";
import { Facts, Section, Skeleton } from "~/components/page";
import { ResourceName } from "~/components/resource-name";
import { ValuesDiff, ValuesView } from "~/components/values";
import type { Effects } from "~/gen/flagstone/v1/effects_pb";
import { isObject, MASK } from "~/lib/json-diff";
import { idOf, partOf } from "~/lib/names";
import { type FormKind, type RequestForm, requestOf } from "~/lib/request-form";
import { type Schema, withDefaults, withoutSecrets } from "~/lib/schema";
import { Refusal } from "./refusal";

export interface ReviewProps {
  kind: FormKind;
  form: RequestForm;
  schema: Schema | undefined;
  /** What it is now, for a change: shown against what it will be. */
  before?: { inputs: JsonObject; tags: Record<string, string>; templateVersion: string; schema: Schema | undefined };
  keepsInputs?: boolean;
  children: ReactNode;
}

export function Review({ kind, form, schema, before, keepsInputs, children }: ReviewProps) {
  const shown = (schema: Schema | undefined, inputs: JsonObject): JsonObject => {
    if (!schema) return {};
    const masked = withoutSecrets(schema, schema, withDefaults(schema, schema, inputs), MASK);
    return isObject(masked) ? masked : {};
  };
  const inputs = shown(schema, form.inputs);
  const tags = requestOf(kind, form).tags as Record<string, string>;
  const version = (name: string) => `${partOf(name, "templates")} ${partOf(name, "versions")}`;
  return (
    <>
      <Section title="What is asked for">
        <Facts
          facts={[
            ["Business unit", idOf(form.unit)],
            kind === "create" && ["Environment", <ResourceName key="environment" name={form.environment} />],
            kind !== "create" && ["Deployment", <ResourceName key="deployment" name={form.deployment} />],
            kind !== "destroy" && [
              "Template",
              before && before.templateVersion !== form.templateVersion
                ? `${version(before.templateVersion)} → ${version(form.templateVersion)}`
                : version(form.templateVersion),
            ],
            kind === "create" && ["Deployment id", form.deploymentId || <Made key="id" />],
            form.displayName !== "" && [
              "Display name",
              <span key="name" dir="auto">
                {form.displayName}
              </span>,
            ],
            form.costCenter !== "" && ["Cost center", form.costCenter],
            form.projectCode !== "" && ["Project code", form.projectCode],
            [
              "Title",
              form.title ? (
                <span key="title" dir="auto">
                  {form.title}
                </span>
              ) : (
                <Made key="title" />
              ),
            ],
            form.description !== "" && [
              "Why",
              <span key="why" dir="auto" className="whitespace-pre-wrap">
                {form.description}
              </span>,
            ],
          ]}
        />
      </Section>
      {kind !== "destroy" && (
        <Section title="Inputs">
          {keepsInputs ? (
            <p className="text-muted">As they are.</p>
          ) : before ? (
            <ValuesDiff before={shown(before.schema, before.inputs)} after={inputs} schema={schema} />
          ) : (
            <ValuesView values={inputs} schema={schema} />
          )}
        </Section>
      )}
      {kind !== "destroy" && (Object.keys(tags).length > 0 || before) && (
        <Section title="Tags">
          {before ? <ValuesDiff before={before.tags} after={tags} /> : <ValuesView values={tags} />}
        </Section>
      )}
      {children}
    </>
  );
}

function Made() {
  return <span className="text-muted">Made by the platform</span>;
}

/** What sending it would do. */
export function DryRun({
  query,
  sendError,
}: {
  query: { data: { effects?: Effects } | undefined; error: unknown };
  /** Why it was not sent: then the dry run has nothing to add. */
  sendError: unknown;
}) {
  if (query.error != null && sendError != null) return null;
  return (
    <Section title="What sending it does">
      {query.error != null ? (
        <Refusal error={query.error} title="Sending it as it is would not work" />
      ) : query.data?.effects ? (
        <EffectsPreview effects={query.data.effects} />
      ) : (
        <Skeleton lines={3} />
      )}
    </Section>
  );
}
