import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData, skipToken } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { Pencil, ShoppingBag, Trash2 } from "lucide-react";
import { useDeferredValue } from "react";
import { EmptyState } from "~/components/empty-state";
import { type Column, DataTable } from "~/components/list/data-table";
import { Page, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { type Deployment, DeploymentService } from "~/gen/flagstone/v1/deployment_service_pb";
import { cn } from "~/lib/cn";
import { allOf, quoted } from "~/lib/filter";
import { idOf, type Place, partOf, unitOf } from "~/lib/names";
import { useListParent } from "~/lib/unit";
import { Field, Input } from "~/ui/field";

interface NewSearch {
  kind?: "update" | "destroy";
  q?: string;
}

export const Route = createFileRoute("/_app/requests/new")({
  validateSearch: ({ kind, q }): NewSearch => ({
    ...(kind === "update" || kind === "destroy" ? { kind } : {}),
    ...(typeof q === "string" && q ? { q } : {}),
  }),
  component: NewRequest,
});

const CARD =
  "flex items-start gap-3 rounded-md border p-4 text-left transition-colors hover:bg-hover [&_svg]:mt-0.5 [&_svg]:size-5 [&_svg]:shrink-0 [&_svg]:text-muted";

/** The first question of every request: what kind of change. */
function NewRequest() {
  const { kind } = Route.useSearch();
  const text = (title: string, help: string) => (
    <span>
      <span className="block font-semibold">{title}</span>
      <span className="text-muted">{help}</span>
    </span>
  );
  const chosen = (one: NewSearch["kind"]) =>
    cn(CARD, kind === one ? "border-accent bg-accent-soft" : "border-line-strong");
  return (
    <Page
      title="New request"
      lead="Everything that changes is asked for, planned and approved first."
      crumbs={[{ to: "/requests", label: "Requests" }]}
    >
      <nav aria-label="Kind of request" className="grid gap-4 md:grid-cols-3">
        <Link to="/templates" className={cn(CARD, "border-line-strong")}>
          <ShoppingBag aria-hidden />
          {text("Order a template", "Make a new deployment.")}
        </Link>
        <Link
          to="/requests/new"
          search={{ kind: "update" }}
          aria-current={kind === "update" || undefined}
          className={chosen("update")}
        >
          <Pencil aria-hidden />
          {text("Change a deployment", "Give it other inputs, tags or another template version.")}
        </Link>
        <Link
          to="/requests/new"
          search={{ kind: "destroy" }}
          aria-current={kind === "destroy" || undefined}
          className={chosen("destroy")}
        >
          <Trash2 aria-hidden />
          {text("Destroy a deployment", "Remove everything that it holds.")}
        </Link>
      </nav>
      {kind && <ChooseDeployment kind={kind} />}
    </Page>
  );
}

/** States in which the server takes a request of the kind. */
const STATES = {
  update: "state = ACTIVE",
  destroy: "(state = ACTIVE OR state = FAILED OR state = DELETE_FAILED)",
} as const;

function ChooseDeployment({ kind }: { kind: "update" | "destroy" }) {
  const { q = "" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const parent = useListParent();
  // The server takes at most 100 characters of free text.
  const search = useDeferredValue(q.trim().slice(0, 100));
  const filter = allOf(STATES[kind], search !== "" && `display_name : ${quoted(search)}`);
  const query = useQuery(
    DeploymentService.method.listDeployments,
    parent ? { parent, filter, pageSize: 50 } : skipToken,
    { placeholderData: keepPreviousData },
  );
  // Destroying starts on the deployment's page, where one sees what would be lost.
  const place = ({ name }: Deployment): Place => ({
    to: kind === "update" ? "/b/$bu/deployments/$deployment/update" : "/b/$bu/deployments/$deployment",
    params: { bu: unitOf(name), deployment: idOf(name) },
  });
  const link = (deployment: Deployment) => (
    <Link {...place(deployment)} className="font-medium text-accent-strong hover:underline">
      <span dir="auto">{deployment.displayName || idOf(deployment.name)}</span>
    </Link>
  );
  const columns: Column<Deployment>[] = [
    { id: "name", header: "Deployment", cell: link },
    {
      id: "state",
      header: "State",
      width: "130px",
      cell: ({ state }) => <StateBadge kind="deployment" state={state} />,
    },
    { id: "tier", header: "Tier", width: "120px", cell: ({ tier }) => <TierBadge tier={tier} /> },
    {
      id: "template",
      header: "Template",
      width: "200px",
      from: "md",
      cell: ({ templateVersion }) => `${partOf(templateVersion, "templates")} ${idOf(templateVersion)}`,
    },
    { id: "unit", header: "Business unit", width: "140px", from: "lg", cell: ({ name }) => unitOf(name) },
  ];
  return (
    <Section title={kind === "update" ? "Which deployment to change" : "Which deployment to destroy"}>
      <div className="max-w-80">
        <Field label="Search deployments">
          {(control) => (
            <Input
              {...control}
              type="search"
              dir="auto"
              value={q}
              onChange={(event) =>
                void navigate({
                  search: ({ q: _, ...before }) => (event.target.value ? { ...before, q: event.target.value } : before),
                  replace: true,
                  resetScroll: false,
                })
              }
            />
          )}
        </Field>
      </div>
      <QueryView query={query} title="The deployments could not be read">
        {({ deployments, nextPageToken }) =>
          deployments.length === 0 ? (
            <EmptyState>
              {q ? "No deployment that you may see is called so." : "There is no deployment that this can be done to."}
            </EmptyState>
          ) : (
            <>
              <DataTable
                label="Deployments"
                rows={deployments}
                columns={columns}
                rowKey={({ name }) => name}
                place={place}
                compact={(deployment) => ({
                  first: link(deployment),
                  second: (
                    <>
                      <StateBadge kind="deployment" state={deployment.state} />
                      <TierBadge tier={deployment.tier} />
                    </>
                  ),
                })}
              />
              {nextPageToken && <p className="text-muted">There are more: search for the one you mean.</p>}
            </>
          )
        }
      </QueryView>
    </Section>
  );
}
