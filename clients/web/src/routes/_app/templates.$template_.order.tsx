import { useMutation, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { ErrorNotice } from "~/components/error-notice";
import { Page, Skeleton } from "~/components/page";
import { TemplateBadges } from "~/components/template/template-look";
import { CostFields, NameFields, WhereFields, WhyFields } from "~/components/wizard/fields";
import { RequestWizard } from "~/components/wizard/request-wizard";
import { RestoredNotice } from "~/components/wizard/restored-notice";
import { DryRun, Review } from "~/components/wizard/review";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { type Template, TemplateService, type TemplateVersion } from "~/gen/flagstone/v1/template_service_pb";
import { allOf, quoted } from "~/lib/filter";
import { isObject } from "~/lib/json-diff";
import { useMe, usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";
import { EMPTY_FORM, formOf, type RequestForm, requestOf } from "~/lib/request-form";
import { type Schema, withDefaults } from "~/lib/schema";
import { ALL_UNITS, useParent, useUnits } from "~/lib/unit";
import { useFormDraft } from "~/lib/use-form-draft";
import { useRequestId } from "~/lib/use-request-id";
import { readStep, type Step } from "~/lib/wizard-step";
import { Button } from "~/ui/button";

interface OrderSearch {
  step?: Step;
  /** The latest where left out. */
  version?: string;
  /** Code of a request to begin from. */
  from?: string;
}

export const Route = createFileRoute("/_app/templates/$template_/order")({
  validateSearch: (search): OrderSearch => ({
    ...readStep(search),
    ...(typeof search.version === "string" && search.version ? { version: search.version } : {}),
    ...(typeof search.from === "string" && search.from ? { from: search.from } : {}),
  }),
  component: OrderRoute,
});

/** Reads what the form begins with, before the form is there: what a person types is never replaced. */
function OrderRoute() {
  const { template: id } = Route.useParams();
  const { version: asked, from } = Route.useSearch();
  const { missing } = usePermissions();
  const me = useMe();
  const parent = useParent();
  const units = useUnits();
  useLive({ types: ["template", "template_version", "environment"] });
  const template = useQuery(TemplateService.method.getTemplate, { name: `templates/${id}` });
  const number = asked ?? idOf(template.data?.latestVersion ?? "");
  const version = useQuery(
    TemplateService.method.getTemplateVersion,
    number ? { name: `templates/${id}/versions/${number}` } : skipToken,
    { staleTime: Number.POSITIVE_INFINITY },
  );
  const source = useQuery(
    RequestService.method.listRequests,
    from ? { parent: `businessUnits/${ALL_UNITS}`, pageSize: 1, filter: allOf(`code = ${quoted(from)}`) } : skipToken,
    { staleTime: Number.POSITIVE_INFINITY },
  );
  const begun = source.data?.requests[0];
  const initial = useMemo((): RequestForm | undefined => {
    const schema = version.data?.inputSchema;
    if (!version.data || !schema || !units.data || !me || (from && !source.data)) return undefined;
    const own = units.data.businessUnits.filter(({ name }) => !missing("business_unit:requests:create", name));
    const chosen = own.find(({ name }) => name === parent) ?? (own.length === 1 ? own[0] : undefined);
    // Id and display name belong to the deployment that the earlier request made.
    const earlier = begun ? { ...formOf(begun), deploymentId: "", displayName: "" } : undefined;
    const inputs = withDefaults(schema, schema, earlier?.inputs ?? {});
    return {
      ...(earlier ?? { ...EMPTY_FORM, unit: chosen?.name ?? "" }),
      templateVersion: version.data.name,
      inputs: isObject(inputs) ? inputs : {},
    };
  }, [version.data, units.data, me, from, source.data, begun, parent, missing]);

  const error = template.error ?? version.error ?? units.error ?? source.error;
  if (template.data && version.data && initial && me) {
    return (
      <Order key={version.data.name} template={template.data} version={version.data} initial={initial} user={me.name} />
    );
  }
  const retry = () => {
    for (const query of [template, version, units, source]) if (query.isError) void query.refetch();
  };
  const isUnpublished = template.data && !number;
  return (
    <Page title={`Order ${id}`} crumbs={[{ to: "/templates", label: "Templates" }]}>
      {error ? (
        <ErrorNotice error={error} title="The template could not be read" onRetry={retry} />
      ) : isUnpublished ? (
        <p>No version of this template is published yet, so it cannot be ordered.</p>
      ) : (
        <Skeleton lines={12} />
      )}
    </Page>
  );
}

function Order({
  template,
  version,
  initial,
  user,
}: {
  template: Template;
  version: TemplateVersion;
  initial: RequestForm;
  user: string;
}) {
  const { step = "configure" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const go = useNavigate();
  const schema: Schema = version.inputSchema ?? {};
  const id = idOf(template.name);
  const { form, change, forget, reset, isRestored, isChanged } = useFormDraft(`order.${id}`, user, initial, schema);
  // What was typed for an earlier version is ordered with this one.
  const current = form.templateVersion === version.name ? form : { ...form, templateVersion: version.name };
  const request = requestOf("create", current);

  const create = useMutation(RequestService.method.createRequest);
  const orderId = useRequestId(["order", current.unit, request]);
  const draftId = useRequestId(["draft", current.unit, request]);
  const send = (draft: boolean) => {
    const requestId = draft ? draftId.id : orderId.id;
    create.mutate(
      { parent: current.unit, request, draft, requestId },
      {
        onSuccess: ({ code }) => {
          forget();
          // Back leads to the template, not to a form that was sent.
          void go({ to: "/requests/$code", params: { code }, replace: true });
        },
      },
    );
  };
  const isDraft = create.variables?.draft === true;
  const { missing } = usePermissions();
  const unit = current.unit || undefined;
  const needed = ["business_unit:requests:create", "business_unit:templates:provision"];
  const checks = useChecks(unit ? needed.map((permission) => ({ permission, object: unit })) : []);
  const lacks = unit ? needed.find((permission) => !checks.may(permission, unit)) : undefined;
  // Where no unit can be chosen, the question is about the one that the lists show.
  const parent = useParent();
  const lacksAnywhere = unit ? undefined : needed.find((one) => missing(one));
  const denied = lacks && unit ? checks.reason(lacks, unit) : lacksAnywhere && missing(lacksAnywhere);
  const dryRun = useQuery(
    RequestService.method.createRequest,
    step === "review" && current.environment ? { parent: current.unit, request, validateOnly: true } : skipToken,
    { gcTime: 0, retry: false },
  );
  return (
    <Page
      title={`Order ${template.displayName}`}
      badges={<TemplateBadges template={template} />}
      lead={
        <>
          {denied ?? `Version ${version.version}. Nothing is made before a plan is approved.`}{" "}
          {lacks && unit && <WhyNot permission={lacks} object={unit} />}
          {lacksAnywhere && <WhyNot permission={lacksAnywhere} object={parent} />}
        </>
      }
      crumbs={[
        { to: "/templates", label: "Templates" },
        { to: "/templates/$template", params: { template: id }, label: id },
      ]}
      actions={
        isChanged && (
          <Button size="sm" variant="ghost" onClick={reset}>
            Clear form
          </Button>
        )
      }
    >
      {isRestored && <RestoredNotice schema={schema} onReset={reset} />}
      <RequestWizard
        kind="create"
        form={current}
        change={change}
        schema={schema}
        step={step}
        onStep={(next) =>
          void navigate({
            search: ({ step: _, ...before }) => (next === "review" ? { ...before, step: next } : before),
          })
        }
        target={(shown) => (
          <>
            <WhereFields form={current} change={change} shown={shown} />
            <NameFields form={current} change={change} shown={shown} />
          </>
        )}
        afterTags={(shown) => <CostFields form={current} change={change} shown={shown} />}
        below={(shown) => <WhyFields form={current} change={change} shown={shown} />}
        review={
          <Review kind="create" form={current} schema={schema}>
            <DryRun query={dryRun} sendError={create.error} />
          </Review>
        }
        send={{
          label: `Order ${template.displayName}`,
          busy: create.isPending && !isDraft && "Ordering",
          run: () => send(false),
        }}
        others={(blocked) => (
          <Button
            busy={create.isPending && isDraft && "Saving the draft"}
            reason={blocked && `A draft has to be complete too. ${blocked}`}
            onClick={() => send(true)}
          >
            Save draft
          </Button>
        )}
        denied={denied}
        lastTry={{ error: create.error, request: create.variables?.request }}
        failure={isDraft ? "The draft was not saved" : "The request was not sent"}
      />
    </Page>
  );
}
