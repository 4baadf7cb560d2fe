import { useMutation, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useLive } from "~/api/live";
import { WhyNot } from "~/components/access/why-not";
import { useDeploymentReason } from "~/components/deployment/use-deployment-reason";
import { EmptyState } from "~/components/empty-state";
import { Page, Skeleton } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { ResourceName } from "~/components/resource-name";
import { stateLook } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { WhyFields } from "~/components/wizard/fields";
import { KeptSecrets } from "~/components/wizard/kept-secrets";
import { RequestWizard } from "~/components/wizard/request-wizard";
import { RestoredNotice } from "~/components/wizard/restored-notice";
import { DryRun, Review } from "~/components/wizard/review";
import { VersionField } from "~/components/wizard/version-field";
import { type Deployment, DeploymentService, DeploymentState } from "~/gen/flagstone/v1/deployment_service_pb";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { useMe } from "~/lib/me";
import { idOf } from "~/lib/names";
import { formForUpdate, maskedCount, requestOf } from "~/lib/request-form";
import { useFormDraft } from "~/lib/use-form-draft";
import { useRequestId } from "~/lib/use-request-id";
import { readStep, type Step } from "~/lib/wizard-step";
import { Button } from "~/ui/button";

export const Route = createFileRoute("/_app/b/$bu/deployments/$deployment_/update")({
  validateSearch: (search): { step?: Step } => readStep(search),
  component: UpdateRoute,
});

function UpdateRoute() {
  const { bu, deployment } = Route.useParams();
  const me = useMe();
  const name = `businessUnits/${bu}/deployments/${deployment}`;
  useLive({ objects: [name], types: ["deployment"] });
  const query = useQuery(DeploymentService.method.getDeployment, { name });
  const state = query.data?.state;
  if (query.data && state === DeploymentState.ACTIVE && me) {
    return <UpdateDeployment key={name} deployment={query.data} user={me.name} />;
  }
  return (
    <Page title={`Change ${deployment}`} crumbs={[{ to: "/deployments", label: "Deployments" }]}>
      <QueryView query={query} title="The deployment could not be read">
        {({ state }) =>
          state === DeploymentState.ACTIVE ? (
            <Skeleton />
          ) : (
            <EmptyState action={<ResourceName name={name}>Show {deployment}</ResourceName>}>
              Only an active deployment can be changed. This one is {stateLook("deployment", state).word.toLowerCase()}.
            </EmptyState>
          )
        }
      </QueryView>
    </Page>
  );
}

function UpdateDeployment({ deployment, user }: { deployment: Deployment; user: string }) {
  const { step = "configure" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const go = useNavigate();
  const id = idOf(deployment.name);
  // As it was when the person began: what they change is measured against it.
  const [initial] = useState(() => formForUpdate(deployment));
  const [version, setVersion] = useState(initial.templateVersion);
  const found = useQuery(TemplateService.method.getTemplateVersion, version ? { name: version } : skipToken, {
    staleTime: Number.POSITIVE_INFINITY,
  });
  const now = useQuery(
    TemplateService.method.getTemplateVersion,
    { name: deployment.templateVersion },
    { staleTime: Number.POSITIVE_INFINITY },
  );
  const schema = found.data?.inputSchema;
  const draft = useFormDraft(`update.${deployment.name}`, user, initial, schema);
  const { form, change, forget, reset } = draft;
  // A restored form may ask for another version than the deployment has.
  if (form.templateVersion !== version) setVersion(form.templateVersion);

  const masked = maskedCount(deployment.inputs);
  const sameInputs = JSON.stringify(form.inputs) === JSON.stringify(initial.inputs);
  const sameTags = JSON.stringify(tagPairs(form.tags)) === JSON.stringify(tagPairs(initial.tags));
  const sent = { keepInputs: sameInputs, keepTags: sameTags };
  const request = requestOf("update", form, sent);
  const changesNothing = sameInputs && sameTags && form.templateVersion === deployment.templateVersion;

  const create = useMutation(RequestService.method.createRequest);
  const requestId = useRequestId(["order", request]);
  const draftId = useRequestId(["draft", request]);
  const send = (isDraft: boolean) =>
    create.mutate(
      { parent: form.unit, request, draft: isDraft, requestId: isDraft ? draftId.id : requestId.id },
      {
        onSuccess: ({ code }) => {
          forget();
          void go({ to: "/requests/$code", params: { code }, replace: true });
        },
      },
    );
  const dryRun = useQuery(
    RequestService.method.createRequest,
    step === "review" ? { parent: form.unit, request, validateOnly: true } : skipToken,
    { gcTime: 0, retry: false },
  );
  const isDraft = create.variables?.draft === true;
  const { reason, denied: lacks } = useDeploymentReason("update", deployment);
  const denied = lacks && reason;
  return (
    <Page
      title={`Change ${deployment.displayName || id}`}
      badges={<TierBadge tier={deployment.tier} />}
      lead={
        lacks ? (
          <>
            {denied} <WhyNot {...lacks} />
          </>
        ) : (
          "A change is planned and approved before it is made."
        )
      }
      crumbs={[
        { to: "/deployments", label: "Deployments" },
        {
          to: "/b/$bu/deployments/$deployment",
          params: { bu: idOf(form.unit), deployment: id },
          label: id,
        },
      ]}
      actions={
        draft.isChanged && (
          <Button size="sm" variant="ghost" onClick={reset}>
            Undo all changes
          </Button>
        )
      }
    >
      {draft.isRestored && schema && <RestoredNotice schema={schema} onReset={reset} />}
      <RequestWizard
        kind="update"
        form={form}
        change={change}
        schema={schema}
        sent={sent}
        step={step}
        onStep={(next) =>
          void navigate({
            search: ({ step: _, ...before }) => (next === "review" ? { ...before, step: next } : before),
          })
        }
        inputsPending={
          <QueryView query={found} title="The template version could not be read">
            {() => null}
          </QueryView>
        }
        target={() => (
          <>
            <VersionField
              value={form.templateVersion}
              current={deployment.templateVersion}
              onChange={(templateVersion) => change({ templateVersion })}
            />
            {masked > 0 && <KeptSecrets count={masked} isKept={sent.keepInputs} />}
          </>
        )}
        tagsNote={
          form.tags.length === 0 && !sameTags ? "Without any, the deployment keeps the tags that it has." : undefined
        }
        below={(shown) => <WhyFields form={form} change={change} shown={shown} />}
        review={
          <Review
            kind="update"
            form={form}
            schema={schema}
            keepsInputs={sameInputs && form.templateVersion === deployment.templateVersion}
            before={{
              inputs: initial.inputs,
              tags: Object.fromEntries(initial.tags.map(({ key, value }) => [key, value])),
              templateVersion: deployment.templateVersion,
              schema: now.data?.inputSchema ?? schema,
            }}
          >
            <DryRun query={dryRun} sendError={create.error} />
          </Review>
        }
        send={{ label: `Change ${id}`, busy: create.isPending && !isDraft && "Sending", run: () => send(false) }}
        denied={denied ?? (changesNothing ? "Nothing is changed yet." : undefined)}
        others={(blocked) => (
          <Button
            busy={create.isPending && isDraft && "Saving the draft"}
            reason={blocked && `A draft has to be complete too. ${blocked}`}
            onClick={() => send(true)}
          >
            Save draft
          </Button>
        )}
        lastTry={{ error: create.error, request: create.variables?.request }}
        failure={isDraft ? "The draft was not saved" : "The request was not sent"}
      />
    </Page>
  );
}

function tagPairs(tags: readonly { key: string; value: string }[]): [string, string][] {
  return tags.map(({ key, value }): [string, string] => [key, value]).sort();
}
