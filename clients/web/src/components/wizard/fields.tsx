// The fields of a request beside the inputs of its template.

import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { EnvironmentService, Tier } from "~/gen/flagstone/v1/environment_service_pb";
import type { RequestForm } from "~/lib/request-form";
import { Field, Input, TextArea } from "~/ui/field";
import { EnvironmentField, UnitField } from "./environment-picker";
import type { Shown } from "./request-wizard";
import { Part } from "./request-wizard";

interface Props {
  form: RequestForm;
  change: (part: Partial<RequestForm>) => void;
  shown: Shown;
}

/** Business unit and environment. */
export function WhereFields({ form, change, shown, isUnitFixed }: Props & { isUnitFixed?: boolean }) {
  return (
    <Part title="Where">
      {!isUnitFixed && (
        <UnitField
          value={form.unit}
          onChange={(unit) => change({ unit, environment: "" })}
          errors={shown.errorsOf("request.create.unit")}
        />
      )}
      <EnvironmentField
        unit={form.unit}
        value={form.environment}
        onChange={(environment) => change({ environment })}
        errors={shown.errorsOf("request.create.environment")}
      />
    </Part>
  );
}

/** What the new deployment is called. */
export function NameFields({ form, change, shown, reserved }: Props & { reserved?: string | undefined }) {
  return (
    <Part title="Deployment">
      <TextField
        name="display_name"
        label="Display name"
        help="What people read. The deployment id where left out."
        value={form.displayName}
        onChange={(displayName) => change({ displayName })}
        shown={shown}
      />
      <TextField
        name="deployment_id"
        label="Deployment id"
        help={
          reserved
            ? "Reserved by this request. Another id needs a new request."
            : "Lower-case letters, digits and hyphens; it cannot be changed later. Made from the template and the request's code where left out."
        }
        value={form.deploymentId || (reserved ?? "")}
        onChange={(deploymentId) => change({ deploymentId })}
        shown={shown}
        isFixed={reserved !== undefined}
        isCode
      />
    </Part>
  );
}

/** Who pays. Production needs to know. */
export function CostFields({ form, change, shown }: Props) {
  const { data } = useQuery(
    EnvironmentService.method.getEnvironment,
    form.environment ? { name: form.environment } : skipToken,
    { staleTime: 60_000 },
  );
  const isProduction = data?.tier === Tier.PRODUCTION;
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <TextField
        name="cost_center"
        label="Cost center"
        help={isProduction ? "Production needs this or a project code." : undefined}
        value={form.costCenter}
        onChange={(costCenter) => change({ costCenter })}
        shown={shown}
      />
      <TextField
        name="project_code"
        label="Project code"
        help={isProduction ? "Production needs this or a cost center." : undefined}
        value={form.projectCode}
        onChange={(projectCode) => change({ projectCode })}
        shown={shown}
      />
    </div>
  );
}

/** What the request is called, and why it is made. Approvers read this first. */
export function WhyFields({ form, change, shown }: Props) {
  const title = "request.title";
  const description = "request.description";
  return (
    <Part title="Reason">
      <Field
        id="field-title"
        label="Title"
        help="What approvers and lists show. Made from the deployment where left out."
        errors={shown.errorsOf(title)}
      >
        {(control) => (
          <Input
            {...control}
            dir="auto"
            value={form.title}
            onChange={(event) => change({ title: event.target.value })}
            onBlur={() => shown.leave(title)}
          />
        )}
      </Field>
      <Field
        id="field-description"
        label="Why"
        help="What it is for. At most 4,000 characters."
        errors={shown.errorsOf(description)}
      >
        {(control) => (
          <TextArea
            {...control}
            dir="auto"
            value={form.description}
            onChange={(event) => change({ description: event.target.value })}
            onBlur={() => shown.leave(description)}
          />
        )}
      </Field>
    </Part>
  );
}

function TextField({
  name,
  label,
  help,
  value,
  onChange,
  shown,
  isFixed,
  isCode,
}: {
  name: string;
  label: string;
  help?: string | undefined;
  value: string;
  onChange: (value: string) => void;
  shown: Shown;
  isFixed?: boolean;
  isCode?: boolean;
}) {
  const field = `request.create.${name}`;
  return (
    <Field id={`field-${name}`} label={label} help={help} errors={shown.errorsOf(field)}>
      {(control) => (
        <Input
          {...control}
          dir={isCode ? "ltr" : "auto"}
          className={isCode ? "font-mono text-sm" : undefined}
          spellCheck={!isCode}
          autoComplete="off"
          value={value}
          readOnly={isFixed}
          onChange={(event) => onChange(event.target.value)}
          onBlur={() => shown.leave(field)}
        />
      )}
    </Field>
  );
}
