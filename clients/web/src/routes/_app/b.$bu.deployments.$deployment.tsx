import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { Pencil } from "lucide-react";
import { useLive } from "~/api/live";
import { WhyNot } from "~/components/access/why-not";
import { DeploymentOverview } from "~/components/deployment/deployment-overview";
import { DeploymentRequests } from "~/components/deployment/deployment-requests";
import { type Compared, DeploymentRevisions } from "~/components/deployment/deployment-revisions";
import { DeploymentStates } from "~/components/deployment/deployment-states";
import { DestroyDeployment } from "~/components/deployment/destroy-deployment";
import { useDeploymentReason } from "~/components/deployment/use-deployment-reason";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { ResourceName } from "~/components/resource-name";
import { ProgressLine, StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { WhyWaiting } from "~/components/why-waiting";
import { type Deployment, DeploymentService, DeploymentState } from "~/gen/flagstone/v1/deployment_service_pb";
import { deploymentSentence, isUnderWay } from "~/lib/deployment-words";
import { idOf } from "~/lib/names";
import { Button, buttonClass } from "~/ui/button";
import { Tabs } from "~/ui/tabs";

const TABS = [
  { id: "overview", label: "Overview" },
  { id: "revisions", label: "Revisions" },
  { id: "state", label: "State versions" },
  { id: "requests", label: "Requests" },
] as const;

type TabId = (typeof TABS)[number]["id"];

interface DeploymentSearch extends Partial<Compared> {
  tab?: TabId | undefined;
}

const numberOf = (value: unknown) => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined);

export const Route = createFileRoute("/_app/b/$bu/deployments/$deployment")({
  validateSearch: (search): DeploymentSearch => ({
    tab: TABS.find(({ id }) => id === search.tab)?.id,
    from: numberOf(search.from),
    to: numberOf(search.to),
  }),
  component: DeploymentPage,
});

/** What changes here with it. */
const TYPES = ["deployment", "request", "job", "workspace"] as const;

function DeploymentPage() {
  const { bu, deployment: id } = Route.useParams();
  const name = `businessUnits/${bu}/deployments/${id}`;
  const query = useQuery(DeploymentService.method.getDeployment, { name });
  useLive({ parent: `businessUnits/${bu}`, types: TYPES });
  const crumbs = [{ label: "Deployments", to: "/deployments" }];
  if (!query.data) {
    return (
      <Page title={id} crumbs={crumbs} name={name}>
        <QueryView query={query} title="The deployment could not be read">
          {() => null}
        </QueryView>
      </Page>
    );
  }
  const deployment = query.data;
  const request = deployment.lastOperation?.request;
  const runs = [DeploymentState.PROVISIONING, DeploymentState.UPDATING, DeploymentState.DELETING].includes(
    deployment.state,
  );
  return (
    <Page
      title={deployment.displayName || idOf(name)}
      tab={idOf(name)}
      crumbs={crumbs}
      name={name}
      badges={
        <>
          <StateBadge kind="deployment" state={deployment.state} />
          <TierBadge tier={deployment.tier} />
        </>
      }
      lead={
        <>
          {deploymentSentence(deployment)}{" "}
          {request && isUnderWay(deployment) && <ResourceName name={request}>See the request</ResourceName>}
        </>
      }
      actions={
        <>
          <UpdateDeployment deployment={deployment} bu={bu} id={id} />
          <DestroyDeployment deployment={deployment} />
        </>
      }
    >
      {runs && <ProgressLine label={deploymentSentence(deployment)} />}
      {request && isUnderWay(deployment) && <WhyWaiting name={request} />}
      <DeploymentTabs deployment={deployment} />
    </Page>
  );
}

function DeploymentTabs({ deployment }: { deployment: Deployment }) {
  const navigate = Route.useNavigate();
  const { tab = "overview", from, to } = Route.useSearch();
  const choose = (id: TabId) =>
    void navigate({ search: (before) => ({ ...before, tab: id === "overview" ? undefined : id }), resetScroll: false });
  const compare = (compared: Compared) =>
    void navigate({ search: (before) => ({ ...before, ...compared }), resetScroll: false });
  return (
    <Tabs label="Deployment" items={TABS} value={tab} onChange={choose}>
      {tab === "overview" && <DeploymentOverview deployment={deployment} />}
      {tab === "revisions" && <DeploymentRevisions deployment={deployment} from={from} to={to} onCompare={compare} />}
      {tab === "state" && <DeploymentStates name={deployment.name} />}
      {tab === "requests" && <DeploymentRequests name={deployment.name} />}
    </Tabs>
  );
}

/** Leads to the form that changes it. */
function UpdateDeployment({ deployment, bu, id }: { deployment: Deployment; bu: string; id: string }) {
  const { reason, denied } = useDeploymentReason("update", deployment);
  const icon = <Pencil aria-hidden className="size-4" />;
  if (reason) {
    return (
      <>
        <Button icon={icon} reason={reason}>
          Update deployment
        </Button>
        {denied && <WhyNot {...denied} action="update this deployment" />}
      </>
    );
  }
  return (
    <Link to="/b/$bu/deployments/$deployment/update" params={{ bu, deployment: id }} className={buttonClass("primary")}>
      {icon}
      Update deployment
    </Link>
  );
}
