import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { createFileRoute, Link, useNavigate } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { CopyButton } from "~/components/copy-button";
import { EmptyState } from "~/components/empty-state";
import { Facts, Page, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { Guide } from "~/components/template/guide";
import { InputTable } from "~/components/template/input-table";
import { providerWord, TemplateBadges, TemplateIcon } from "~/components/template/template-look";
import { Engine, type Template, TemplateService, type TemplateVersion } from "~/gen/flagstone/v1/template_service_pb";
import { formatBytes, formatDuration, shortDigest } from "~/lib/format";
import { usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";
import { useRegisterActions } from "~/lib/shortcuts";
import { Button, buttonClass } from "~/ui/button";
import { Tabs } from "~/ui/tabs";

type Tab = "guide" | "inputs" | "outputs" | "versions";

interface TemplateSearch {
  tab?: Exclude<Tab, "guide">;
  /** The version that is shown; the latest where left out. */
  version?: string;
}

const TABS: readonly Tab[] = ["guide", "inputs", "outputs", "versions"];

export const Route = createFileRoute("/_app/templates/$template")({
  validateSearch: ({ tab, version }): TemplateSearch => ({
    ...(tab === "inputs" || tab === "outputs" || tab === "versions" ? { tab } : {}),
    ...(typeof version === "string" && version ? { version } : {}),
  }),
  component: TemplateRoute,
});

/** What runs a version, as people call it. */
function engineLabel(engine: Engine) {
  switch (engine) {
    case Engine.TERRAFORM:
      return "Terraform";
    case Engine.COMMAND:
      return "Own program";
    default:
      return "Unknown engine";
  }
}

function TemplateRoute() {
  const { template } = Route.useParams();
  useLive({ types: ["template", "template_version"] });
  const query = useQuery(TemplateService.method.getTemplate, { name: `templates/${template}` });
  if (query.data) return <TemplatePage template={query.data} />;
  return (
    <Page title={template} crumbs={[{ to: "/templates", label: "Templates" }]}>
      <QueryView query={query} title="The template could not be read">
        {() => null}
      </QueryView>
    </Page>
  );
}

function TemplatePage({ template }: { template: Template }) {
  const { tab = "guide", version: asked } = Route.useSearch();
  const navigate = Route.useNavigate();
  const go = useNavigate();
  const { missing } = usePermissions();
  const id = idOf(template.name);
  const version = asked ?? idOf(template.latestVersion);
  const shown = useQuery(
    TemplateService.method.getTemplateVersion,
    version ? { name: `${template.name}/versions/${version}` } : skipToken,
  );
  const reason = !version
    ? "No version of this template is published yet."
    : (missing("business_unit:requests:create") ?? missing("business_unit:templates:provision"));
  const search = asked ? { version: asked } : {};
  const order = () => void go({ to: "/templates/$template/order", params: { template: id }, search });
  useRegisterActions(reason ? [] : [{ label: "Order this template", group: "Template", keys: "o", run: order }]);
  return (
    <Page
      title={template.displayName}
      badges={<TemplateBadges template={template} />}
      lead={<span dir="auto">{template.description}</span>}
      crumbs={[
        { to: "/templates", label: "Templates" },
        { to: "/templates/$template", params: { template: id }, label: id },
      ]}
      name={template.name}
      actions={
        reason ? (
          <Button variant="primary" reason={reason}>
            Order {version}
          </Button>
        ) : (
          <Link
            to="/templates/$template/order"
            params={{ template: id }}
            search={search}
            className={buttonClass("primary")}
          >
            Order {version}
          </Link>
        )
      }
    >
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_300px]">
        <div className="min-w-0">
          <Tabs
            label="About the template"
            items={TABS.map((tab) => ({ id: tab, label: tab.charAt(0).toUpperCase() + tab.slice(1) }))}
            value={tab}
            onChange={(next) =>
              void navigate({
                search: ({ tab: _, ...before }) => (next === "guide" ? before : { ...before, tab: next }),
                resetScroll: false,
              })
            }
          >
            {tab === "guide" &&
              (template.guide ? (
                <div className="max-w-[720px]">
                  <Guide text={template.guide} />
                </div>
              ) : (
                <EmptyState>The author has written no guide. The inputs say what can be set.</EmptyState>
              ))}
            {(tab === "inputs" || tab === "outputs") && (
              <QueryView query={shown} title={`Version ${version} could not be read`}>
                {({ inputSchema, outputSchema }) => (
                  <InputTable schema={(tab === "inputs" ? inputSchema : outputSchema) ?? {}} of={tab} />
                )}
              </QueryView>
            )}
            {tab === "versions" && <Versions template={template} shown={version} />}
          </Tabs>
        </div>
        <aside aria-label="Facts" className="flex flex-col gap-4 rounded-md border border-line bg-surface p-4">
          <Facts
            facts={[
              ["Id", <code key="id">{id}</code>],
              [
                "Provider",
                <span key="provider" className="inline-flex items-center gap-2">
                  <TemplateIcon icon={template.icon} /> {providerWord(template.provider)}
                </span>,
              ],
              ["Category", template.category],
              ["Latest version", idOf(template.latestVersion) || "None"],
              ["Author", template.author || <span className="text-muted">Not given</span>],
              template.estimatedDuration && ["Takes about", formatDuration(template.estimatedDuration)],
              template.locked && ["Access", "Locked: only people with access may order it."],
              ["Changed", <RelativeTime key="changed" time={template.updateTime} />],
            ]}
          />
          {asked && asked !== idOf(template.latestVersion) && (
            <p className="text-waiting">
              You are looking at version {asked}. The latest is {idOf(template.latestVersion)}.
            </p>
          )}
          <Link to="/deployments" search={{ template: template.name }} className="text-accent-strong hover:underline">
            Show deployments of this template
          </Link>
        </aside>
      </div>
    </Page>
  );
}

function Versions({ template, shown }: { template: Template; shown: string }) {
  const query = useInfiniteQuery(
    TemplateService.method.listTemplateVersions,
    { parent: template.name, pageSize: 50, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (last) => last.nextPageToken || undefined },
  );
  return (
    <QueryView query={query} title="The versions could not be read">
      {({ pages }) => {
        const versions = pages.flatMap(({ templateVersions }) => templateVersions);
        if (versions.length === 0) return <EmptyState>No version is published yet.</EmptyState>;
        return (
          <Section title="Published versions">
            <ul className="divide-y divide-line">
              {versions.map((version) => (
                <Version key={version.name} template={template} version={version} isShown={version.version === shown} />
              ))}
            </ul>
            {query.hasNextPage && (
              <div>
                <Button busy={query.isFetchingNextPage && "Loading more"} onClick={() => void query.fetchNextPage()}>
                  Load more versions
                </Button>
              </div>
            )}
          </Section>
        );
      }}
    </QueryView>
  );
}

function Version({
  template,
  version: { name, version, engine, createTime, artifactSha256, artifactSize },
  isShown,
}: {
  template: Template;
  version: TemplateVersion;
  isShown: boolean;
}) {
  const isLatest = name === template.latestVersion;
  return (
    <li className="flex min-h-9 flex-wrap items-center gap-x-4 gap-y-1 py-1.5">
      <Link
        to="/templates/$template"
        params={{ template: idOf(template.name) }}
        search={{ tab: "inputs", ...(isLatest ? {} : { version }) }}
        className="w-24 font-medium text-accent-strong hover:underline"
      >
        {version}
      </Link>
      <span className="w-16 text-muted text-sm">{isLatest ? "Latest" : isShown ? "Shown" : ""}</span>
      <span className="text-muted text-sm">
        Published <RelativeTime time={createTime} />
      </span>
      <span className="text-muted text-sm">
        {engineLabel(engine)}, {formatBytes(artifactSize)}
      </span>
      <span className="inline-flex items-center gap-1 text-muted text-sm">
        sha256 <code>{shortDigest(artifactSha256)}</code>
        <CopyButton text={artifactSha256} label={`Copy the digest of ${version}`} />
      </span>
    </li>
  );
}
