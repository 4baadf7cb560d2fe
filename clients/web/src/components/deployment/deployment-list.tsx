// What a list of deployments shows of each, and what it can be filtered by.

import type { Column } from "~/components/list/data-table";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { type Deployment, DeploymentState } from "~/gen/flagstone/v1/deployment_service_pb";
import { Provider } from "~/gen/flagstone/v1/template_service_pb";
import type { FilterFields } from "~/lib/filter";
import { stateOptions, TIER_OPTIONS } from "~/lib/filter-options";
import { formatNumber } from "~/lib/format";
import { idOf, type Place, partOf, routeOf } from "~/lib/names";

export const PROVIDERS: Partial<Record<Provider, string>> = {
  [Provider.AWS]: "AWS",
  [Provider.GCP]: "Google Cloud",
  [Provider.AZURE]: "Azure",
  [Provider.KUBERNETES]: "Kubernetes",
  [Provider.NONE]: "None",
};

export const DEPLOYMENT_FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  state: { kind: "choice", label: "State", field: "state", options: stateOptions("deployment", DeploymentState) },
  tier: { kind: "choice", label: "Tier", field: "tier", options: TIER_OPTIONS },
  environment: { kind: "object", label: "Environment", field: "environment" },
  template: { kind: "object", label: "Template", field: "template" },
  provider: {
    kind: "choice",
    label: "Provider",
    field: "provider",
    options: Object.entries(PROVIDERS).map(([provider, label]) => ({
      value: Provider[Number(provider)] ?? "",
      label,
    })),
  },
  owner: { kind: "person", label: "Owner", field: "owner" },
  tags: { kind: "tags", label: "Tag", field: "tags" },
  created: { kind: "time", label: "Created", field: "create_time" },
} as const satisfies FilterFields;

/** What is there, or may be there: everything but what is destroyed. */
export const IN_USE = "state != DELETED";

/** The states in which something happens to a deployment. */
export const UNDER_WAY = "PENDING,PROVISIONING,UPDATING,DELETING";

export function deploymentPlace({ name }: Deployment): Place | undefined {
  return routeOf(name);
}

const title = ({ name, displayName }: Deployment) => (
  <ResourceName name={name}>
    <span dir="auto">{displayName || idOf(name)}</span>
  </ResourceName>
);

const template = ({ templateVersion }: Deployment) => (
  <ResourceName name={templateVersion}>
    {partOf(templateVersion, "templates")}{" "}
    <span className="text-muted text-sm">{partOf(templateVersion, "versions")}</span>
  </ResourceName>
);

export const DEPLOYMENT_COLUMNS: readonly Column<Deployment>[] = [
  { id: "name", header: "Name", cell: title },
  {
    id: "state",
    header: "State",
    width: "136px",
    cell: ({ state }) => <StateBadge kind="deployment" state={state} />,
  },
  { id: "tier", header: "Tier", width: "108px", cell: ({ tier }) => <TierBadge tier={tier} /> },
  {
    id: "environment",
    header: "Environment",
    width: "11%",
    from: "lg",
    cell: ({ environment }) => <ResourceName name={environment} />,
  },
  { id: "template", header: "Template", width: "15%", from: "md", cell: template },
  {
    id: "provider",
    header: "Provider",
    width: "124px",
    from: "xl",
    cell: ({ provider, region }) => (
      <>
        {PROVIDERS[provider]} <span className="text-muted text-sm">{region}</span>
      </>
    ),
  },
  { id: "owner", header: "Owner", width: "108px", from: "md", cell: ({ owner }) => <PrincipalChip name={owner} /> },
  {
    id: "resources",
    header: "Resources",
    width: "84px",
    from: "xl",
    align: "end",
    cell: ({ resourceCount }) => formatNumber(resourceCount),
  },
  {
    id: "created",
    header: "Created",
    width: "108px",
    orders: { ascending: "create_time", descending: "create_time desc" },
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export function compactDeployment(deployment: Deployment) {
  return {
    first: (
      <>
        {title(deployment)}
        <StateBadge kind="deployment" state={deployment.state} />
      </>
    ),
    second: (
      <>
        <TierBadge tier={deployment.tier} />
        <span className="truncate">{partOf(deployment.templateVersion, "templates")}</span>
        <RelativeTime time={deployment.createTime} />
      </>
    ),
  };
}
