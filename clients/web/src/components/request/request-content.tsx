// What a request asks for, and what came of it.

import type { JsonObject } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { Facts, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { ValuesDiff, ValuesView, ValueView } from "~/components/values";
import { DeploymentService } from "~/gen/flagstone/v1/deployment_service_pb";
import { type Request, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { jsonOf } from "~/lib/json-diff";
import { partOf } from "~/lib/names";

/** Template, inputs and tags. An update shows what differs from the deployment as long as that is what it starts from. */
export function RequestContent({ request }: { request: Request }) {
  const { payload } = request;
  switch (payload.case) {
    case "create": {
      const { templateVersion, inputs = {}, costCenter, projectCode, displayName } = payload.value;
      return (
        <>
          <Section title="Inputs">
            <Template name={templateVersion} />
            <Inputs templateVersion={templateVersion} inputs={inputs} />
          </Section>
          <Section title="Tags">
            <Tags tags={request.tags} />
            <Facts
              facts={[
                displayName !== "" && [
                  "Display name",
                  <span key="name" dir="auto">
                    {displayName}
                  </span>,
                ],
                costCenter !== "" && [
                  "Cost center",
                  <span key="center" dir="auto">
                    {costCenter}
                  </span>,
                ],
                projectCode !== "" && [
                  "Project code",
                  <span key="project" dir="auto">
                    {projectCode}
                  </span>,
                ],
              ]}
            />
          </Section>
        </>
      );
    }
    case "update":
      return <Update request={request} templateVersion={payload.value.templateVersion} inputs={payload.value.inputs} />;
    default:
      // A request that destroys asks for nothing else.
      return null;
  }
}

function Update({
  request,
  templateVersion,
  inputs,
}: {
  request: Request;
  templateVersion: string;
  inputs: JsonObject | undefined;
}) {
  const deployment = useQuery(DeploymentService.method.getDeployment, { name: request.deployment });
  const isOver = request.state === RequestState.COMPLETED;
  const before = deployment.data?.inputs ?? {};
  const version = templateVersion || deployment.data?.templateVersion || "";
  const schema = useInputSchema(version);
  return (
    <>
      <Section title={inputs && !isOver ? "Changes of inputs" : "Inputs"}>
        {templateVersion !== "" && <Template name={templateVersion} />}
        {!inputs && <p className="text-muted">The inputs stay as they are.</p>}
        {inputs &&
          (isOver ? (
            <ValuesView values={inputs} schema={schema} />
          ) : (
            <QueryView query={deployment} title="The deployment could not be read" lines={3}>
              {() => <ValuesDiff before={before} after={inputs} schema={schema} />}
            </QueryView>
          ))}
      </Section>
      {Object.keys(request.tags).length > 0 && (
        <Section title="Tags">
          <Tags tags={request.tags} />
        </Section>
      )}
    </>
  );
}

function Inputs({ templateVersion, inputs }: { templateVersion: string; inputs: JsonObject }) {
  return <ValuesView values={inputs} schema={useInputSchema(templateVersion)} />;
}

/** The schema that titles the inputs; without it they are shown under their own names. */
function useInputSchema(version: string): JsonObject | undefined {
  const named = partOf(version, "versions") !== "";
  const query = useQuery(
    TemplateService.method.getTemplateVersion,
    { name: version },
    { enabled: named, staleTime: Number.POSITIVE_INFINITY },
  );
  return query.data?.inputSchema;
}

function Template({ name }: { name: string }) {
  const [template, version] = [partOf(name, "templates"), partOf(name, "versions")];
  return (
    <p className="text-muted">
      Template{" "}
      <Link to="/templates/$template" params={{ template }} className="text-accent-strong underline">
        {template}
      </Link>
      {version && ` ${version}`}
    </p>
  );
}

function Tags({ tags }: { tags: Record<string, string> }) {
  const entries = Object.entries(tags).sort(([a], [b]) => a.localeCompare(b, "en"));
  if (entries.length === 0) return <p className="text-muted">No tags beside those that the platform sets.</p>;
  return (
    <ul className="flex flex-wrap gap-1.5">
      {entries.map(([key, value]) => (
        <li key={key} className="max-w-full rounded-sm bg-sunken px-1.5" dir="auto">
          <code>
            {key}={value}
          </code>
        </li>
      ))}
    </ul>
  );
}

/** What the deployment gives out, once the request has made it. */
export function RequestOutputs({ request: { state, deployment, payload } }: { request: Request }) {
  const isMade = state === RequestState.COMPLETED && payload.case !== "destroy";
  const query = useQuery(DeploymentService.method.getDeployment, { name: deployment }, { enabled: isMade });
  if (!isMade) return null;
  return (
    <Section title="Outputs">
      <QueryView query={query} title="The outputs could not be read" lines={3}>
        {({ outputs }) =>
          outputs.length === 0 ? (
            <p className="text-muted">The template gives none.</p>
          ) : (
            <Facts
              facts={outputs.map(({ output, value, sensitive }) => [
                output,
                <ValueView key={output} value={jsonOf(value)} sensitive={sensitive} />,
              ])}
            />
          )
        }
      </QueryView>
    </Section>
  );
}
