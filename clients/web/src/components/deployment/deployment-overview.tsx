import { useQuery } from "@connectrpc/connect-query";
import { CircleX } from "lucide-react";
import { CopyButton } from "~/components/copy-button";
import { Facts, Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { ValuesView } from "~/components/values";
import { type Deployment, DeploymentState } from "~/gen/flagstone/v1/deployment_service_pb";
import { RequestKind, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { doingWords, outputValues } from "~/lib/deployment-words";
import { formatNumber, sentence } from "~/lib/format";
import { partOf } from "~/lib/names";
import { PROVIDERS } from "./deployment-list";

/** The schemas of a template's version: they give inputs and outputs their titles. */
export function useSchemas(templateVersion: string) {
  return useQuery(
    TemplateService.method.getTemplateVersion,
    { name: templateVersion },
    // A published version never changes.
    { enabled: templateVersion !== "", staleTime: Number.POSITIVE_INFINITY },
  ).data;
}

/** What it is and what it has. */
export function DeploymentOverview({ deployment }: { deployment: Deployment }) {
  const schemas = useSchemas(deployment.templateVersion);
  const outputs = outputValues(deployment.outputs);
  const sensitive = deployment.outputs.filter((output) => output.sensitive).length;
  return (
    <div className="grid gap-x-8 gap-y-6 lg:grid-cols-[minmax(0,1fr)_minmax(280px,360px)]">
      <div className="flex min-w-0 flex-col gap-6">
        <LastFailure deployment={deployment} />
        <Section
          title="Outputs"
          actions={
            deployment.outputs.length > 0 && (
              <CopyButton text={JSON.stringify(outputs, null, 2)} label="Copy the outputs as JSON" />
            )
          }
        >
          {deployment.outputs.length === 0 ? (
            <p className="text-muted">
              {deployment.currentRevision > 0 ? "Its template has no outputs." : "None: nothing is live."}
            </p>
          ) : (
            <ValuesView values={outputs} schema={schemas?.outputSchema} />
          )}
          {sensitive > 0 && (
            <p className="text-muted text-sm">
              {sensitive === 1 ? "One output is" : `${formatNumber(sensitive)} outputs are`} sensitive and never sent to
              this page.
            </p>
          )}
        </Section>
        <Section title="Inputs">
          <ValuesView values={deployment.inputs ?? {}} schema={schemas?.inputSchema} />
        </Section>
      </div>
      <div className="flex min-w-0 flex-col gap-6">
        <Section title="Last operation">
          <LastOperationFacts deployment={deployment} />
        </Section>
        <Section title="Details">
          <DeploymentFacts deployment={deployment} />
        </Section>
        <Section title="Tags">
          <Tags tags={deployment.tags} />
        </Section>
      </div>
    </div>
  );
}

/** What failed last, and the way on. */
function LastFailure({ deployment: { lastOperation, state } }: { deployment: Deployment }) {
  if (lastOperation?.state !== RequestState.FAILED) return null;
  const { kind, request, job, error } = lastOperation;
  const mayDestroy = state === DeploymentState.FAILED || state === DeploymentState.DELETE_FAILED;
  return (
    <div role="status" className="flex gap-3 rounded-md border border-line-strong bg-failed-soft px-4 py-3">
      <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-failed" />
      <div className="flex min-w-0 flex-col gap-1">
        <p className="font-semibold text-failed">
          {sentence(doingWords(kind))} failed{error?.errorClass && `: ${sentence(error.errorClass)}`}
        </p>
        {error?.message && <p className="whitespace-pre-line">{error.message}</p>}
        {error?.suggestion && <p>{error.suggestion}</p>}
        <p>
          <ResourceName name={request}>Retry or cancel the request</ResourceName>
          {mayDestroy && ", or destroy what was made"}.
          {job && (
            <>
              {" "}
              The <ResourceName name={job}>log of its job</ResourceName> says more.
            </>
          )}
        </p>
      </div>
    </div>
  );
}

const KINDS: Partial<Record<RequestKind, string>> = {
  [RequestKind.CREATE]: "Create",
  [RequestKind.UPDATE]: "Update",
  [RequestKind.DESTROY]: "Destroy",
};

function LastOperationFacts({ deployment: { lastOperation } }: { deployment: Deployment }) {
  if (!lastOperation) return <p className="text-muted">None was asked for.</p>;
  const { kind, request, job, state } = lastOperation;
  return (
    <Facts
      facts={[
        [
          "Request",
          <ResourceName key="request" name={request}>
            {KINDS[kind] ?? "See the request"}
          </ResourceName>,
        ],
        ["State", <StateBadge key="state" kind="request" state={state} />],
        job !== "" && [
          "Job",
          <ResourceName key="job" name={job}>
            See steps and log
          </ResourceName>,
        ],
      ]}
    />
  );
}

function DeploymentFacts({ deployment }: { deployment: Deployment }) {
  const { environment, tier, templateVersion, provider, region, owner, resourceCount } = deployment;
  return (
    <Facts
      facts={[
        [
          "Environment",
          <span key="environment" className="flex flex-wrap items-center gap-2">
            <ResourceName name={environment} /> <TierBadge tier={tier} />
          </span>,
        ],
        [
          "Template",
          <ResourceName key="template" name={templateVersion}>
            {partOf(templateVersion, "templates")} {partOf(templateVersion, "versions")}
          </ResourceName>,
        ],
        ["Provider", PROVIDERS[provider] ?? "Unknown"],
        region !== "" && ["Region", region],
        ["Resources", formatNumber(resourceCount)],
        ["Owner", <PrincipalChip key="owner" name={owner} />],
        deployment.costCenter !== "" && [
          "Cost center",
          <span key="cost" dir="auto">
            {deployment.costCenter}
          </span>,
        ],
        deployment.projectCode !== "" && [
          "Project code",
          <span key="project" dir="auto">
            {deployment.projectCode}
          </span>,
        ],
        ["Created", <RelativeTime key="created" time={deployment.createTime} />],
        ["Changed", <RelativeTime key="changed" time={deployment.updateTime} />],
      ]}
    />
  );
}

function Tags({ tags }: { tags: Record<string, string> }) {
  const all = Object.entries(tags).sort(([one], [other]) => one.localeCompare(other, "en"));
  if (all.length === 0) return <p className="text-muted">None</p>;
  return (
    <ul className="flex flex-wrap gap-1.5">
      {all.map(([key, value]) => (
        <li key={key} className="max-w-full rounded-sm bg-sunken px-1.5 text-sm leading-5">
          <span className="text-muted">{key}</span> <span dir="auto">{value}</span>
        </li>
      ))}
    </ul>
  );
}
