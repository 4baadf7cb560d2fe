import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { COUNTED, DeploymentCount } from "~/components/deployment/deployment-counts";
import {
  compactDeployment,
  DEPLOYMENT_COLUMNS,
  deploymentPlace,
  IN_USE,
} from "~/components/deployment/deployment-list";
import { EmptyState } from "~/components/empty-state";
import { DataTable } from "~/components/list/data-table";
import { Facts, Page, Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { compactRequest, REQUEST_COLUMNS, requestPlace } from "~/components/request/request-list";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { DeploymentService } from "~/gen/flagstone/v1/deployment_service_pb";
import { type Environment, EnvironmentService } from "~/gen/flagstone/v1/environment_service_pb";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { allOf, quoted } from "~/lib/filter";
import { idOf, unitOf } from "~/lib/names";
import { buttonClass } from "~/ui/button";

export const Route = createFileRoute("/_app/b/$bu/environments/$environment")({ component: EnvironmentPage });

/** The page says where they run. */
const DEPLOYMENTS = DEPLOYMENT_COLUMNS.filter(({ id }) => id !== "environment" && id !== "tier");
const REQUESTS = REQUEST_COLUMNS.filter(({ id }) => id !== "tier");

/** So many of each are shown; the rest is one click away. */
const NEWEST = 10;

function EnvironmentPage() {
  const { bu, environment } = Route.useParams();
  const name = `businessUnits/${bu}/environments/${environment}`;
  useLive({ parent: `businessUnits/${bu}`, types: ["environment", "deployment", "request"] });
  const query = useQuery(EnvironmentService.method.getEnvironment, { name });
  const { data } = query;
  return (
    <Page
      title={data?.displayName || environment}
      tab={`${data?.displayName || environment} · ${bu}`}
      badges={data && <TierBadge tier={data.tier} />}
      crumbs={[{ to: "/environments", label: "Environments" }]}
      name={name}
      actions={
        <Link to="/templates" className={buttonClass("primary")}>
          Order from a template
        </Link>
      }
    >
      <QueryView query={query} title="The environment could not be read">
        {(environment) => (
          <>
            <Overview environment={environment} />
            <Deployments name={name} />
            <Requests name={name} />
          </>
        )}
      </QueryView>
    </Page>
  );
}

function Overview({ environment }: { environment: Environment }) {
  const { name, state, rank, region, creator, createTime } = environment;
  return (
    <div className="grid gap-x-8 gap-y-1.5 md:grid-cols-2">
      <Facts
        facts={[
          ["State", <StateBadge key="state" kind="environment" state={state} />],
          ["Business unit", unitOf(name)],
          ["Region", region || "Of the runner"],
          ["Rank", `${rank}, in the order of promotion`],
        ]}
      />
      <Facts
        facts={[
          ...COUNTED.map(
            (counted) =>
              [counted.label, <DeploymentCount key={counted.id} environment={name} counted={counted} />] as const,
          ),
          ["Created", <Created key="created" creator={creator} time={createTime} />],
        ]}
      />
    </div>
  );
}

function Created({ creator, time }: { creator: string; time: Environment["createTime"] }) {
  return (
    <span className="inline-flex flex-wrap gap-x-1.5">
      <RelativeTime time={time} /> by <PrincipalChip name={creator} />
    </span>
  );
}

function Deployments({ name }: { name: string }) {
  const unit = unitOf(name);
  const query = useQuery(DeploymentService.method.listDeployments, {
    parent: `businessUnits/${unit}`,
    filter: allOf(`environment = ${quoted(name)}`, IN_USE),
    pageSize: NEWEST,
  });
  return (
    <Section
      title="Newest deployments"
      actions={
        <Link to="/deployments" search={{ unit, environment: name }} className={buttonClass("ghost", "sm")}>
          All deployments
        </Link>
      }
    >
      <QueryView query={query} title="The deployments could not be read">
        {({ deployments }) =>
          deployments.length === 0 ? (
            <EmptyState command={`flagstone request create --template config-bundle --environment ${idOf(name)}`}>
              Nothing is deployed in this environment.
            </EmptyState>
          ) : (
            <DataTable
              label="Newest deployments"
              rows={deployments}
              columns={DEPLOYMENTS}
              compact={compactDeployment}
              rowKey={(row) => row.name}
              place={deploymentPlace}
            />
          )
        }
      </QueryView>
    </Section>
  );
}

function Requests({ name }: { name: string }) {
  const unit = unitOf(name);
  const query = useQuery(RequestService.method.listRequests, {
    parent: `businessUnits/${unit}`,
    filter: `environment = ${quoted(name)}`,
    pageSize: NEWEST,
  });
  return (
    <Section
      title="Latest requests"
      actions={
        <Link to="/requests" search={{ unit, environment: name }} className={buttonClass("ghost", "sm")}>
          All requests
        </Link>
      }
    >
      <QueryView query={query} title="The requests could not be read" lines={3}>
        {({ requests }) =>
          requests.length === 0 ? (
            <EmptyState command="flagstone requests list">Nobody has requested a change here yet.</EmptyState>
          ) : (
            <DataTable
              label="Latest requests"
              rows={requests}
              columns={REQUESTS}
              compact={compactRequest}
              rowKey={(row) => row.name}
              place={requestPlace}
              keys={false}
            />
          )
        }
      </QueryView>
    </Section>
  );
}
