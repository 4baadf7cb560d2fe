import { useInfiniteQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useLive } from "~/api/live";
import { EmptyState } from "~/components/empty-state";
import { type Column, DataTable } from "~/components/list/data-table";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { providerWord, TemplateBadges, TemplateIcon } from "~/components/template/template-look";
import { type Template, TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { count, formatDuration } from "~/lib/format";
import { idOf, routeOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Field, Input, Select } from "~/ui/field";

interface MarketSearch {
  q?: string;
  category?: string;
  provider?: string;
}

export const Route = createFileRoute("/_app/templates/")({
  validateSearch: (search): MarketSearch => ({
    ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
    ...(typeof search.category === "string" && search.category ? { category: search.category } : {}),
    ...(typeof search.provider === "string" && search.provider ? { provider: search.provider } : {}),
  }),
  component: Marketplace,
});

/** More than this many are a table. */
const MOST_CARDS = 6;

function Marketplace() {
  const { q = "", category, provider } = Route.useSearch();
  const navigate = Route.useNavigate();
  useLive({ types: ["template", "template_version"] });
  const query = useInfiniteQuery(
    TemplateService.method.listTemplates,
    { pageSize: 200, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (last) => last.nextPageToken || undefined },
  );
  const all = useMemo(() => query.data?.pages.flatMap(({ templates }) => templates) ?? [], [query.data]);
  const found = all.filter(
    (template) =>
      (!category || template.category === category) &&
      (!provider || providerWord(template.provider) === provider) &&
      matches(template, q),
  );
  const set = (change: Partial<Record<keyof MarketSearch, string>>) =>
    void navigate({
      search: (before) => ({
        ...before,
        ...Object.fromEntries(Object.entries(change).map(([key, value]) => [key, value || undefined])),
      }),
      replace: true,
      resetScroll: false,
    });
  const distinct = (of: (template: Template) => string) => [...new Set(all.map(of))].filter(Boolean).sort();
  return (
    <Page
      title="Order"
      tab="Templates"
      lead="Choose what to order. Each template is planned and approved before anything is made."
    >
      <search className="flex flex-wrap items-end gap-2">
        <div className="w-full sm:w-64">
          <Field label="Search">
            {(control) => (
              <Input
                {...control}
                type="search"
                dir="auto"
                placeholder="Name, purpose or id"
                value={q}
                onChange={(event) => set({ q: event.target.value })}
              />
            )}
          </Field>
        </div>
        <Choice
          label="Category"
          value={category}
          options={distinct((one) => one.category)}
          onChange={(value) => set({ category: value })}
        />
        <Choice
          label="Provider"
          value={provider}
          options={distinct((one) => providerWord(one.provider))}
          onChange={(value) => set({ provider: value })}
        />
        <p role="status" className="flex h-8 items-center text-muted">
          {query.data &&
            (found.length === all.length
              ? count(all.length, "template")
              : `${found.length} of ${count(all.length, "template")}`)}
        </p>
      </search>
      <QueryView query={query} title="The templates could not be read">
        {() => {
          if (all.length === 0) {
            return (
              <EmptyState command="flagstone template list">
                No template has been published yet. Platform engineers publish them with the server.
              </EmptyState>
            );
          }
          if (found.length === 0) {
            return (
              <EmptyState
                action={<Button onClick={() => set({ q: "", category: "", provider: "" })}>Show all templates</Button>}
              >
                No template fits this search.
              </EmptyState>
            );
          }
          return found.length <= MOST_CARDS ? <Cards templates={found} /> : <Table templates={found} />;
        }}
      </QueryView>
      {query.hasNextPage && (
        <div>
          <Button busy={query.isFetchingNextPage && "Loading more"} onClick={() => void query.fetchNextPage()}>
            Load more templates
          </Button>
        </div>
      )}
    </Page>
  );
}

function matches({ name, displayName, description, category }: Template, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = `${idOf(name)} ${displayName} ${description} ${category}`.toLowerCase();
  return words.every((word) => all.includes(word));
}

function Choice({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string | undefined;
  options: string[];
  onChange: (value: string) => void;
}) {
  return (
    <div className="min-w-36 flex-1 sm:flex-none">
      <Field label={label}>
        {(control) => (
          <Select {...control} value={value ?? ""} onChange={(event) => onChange(event.target.value)}>
            <option value="">All</option>
            {value && !options.includes(value) && <option value={value}>{value}</option>}
            {options.map((option) => (
              <option key={option} value={option}>
                {option}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </div>
  );
}

function Cards({ templates }: { templates: readonly Template[] }) {
  return (
    <ul aria-label="Templates" className="grid gap-4 sm:grid-cols-2 xl:grid-cols-3">
      {templates.map((template) => (
        <li
          key={template.name}
          className="relative flex flex-col gap-2 rounded-md border border-line-strong p-4 transition-colors focus-within:border-accent hover:bg-hover"
        >
          <div className="flex items-start gap-3">
            <TemplateIcon icon={template.icon} large />
            <div className="min-w-0">
              {/* The whole card is the link. */}
              <Link
                to="/templates/$template"
                params={{ template: idOf(template.name) }}
                className="font-semibold text-lg after:absolute after:inset-0 after:rounded-md"
                dir="auto"
              >
                {template.displayName}
              </Link>
              <p className="text-muted text-sm">
                {providerWord(template.provider)} · {template.category} ·{" "}
                {idOf(template.latestVersion) || "not published"}
              </p>
            </div>
          </div>
          <p className="line-clamp-3 flex-1 text-muted" dir="auto">
            {template.description}
          </p>
          <div className="flex min-h-5 flex-wrap items-center gap-2">
            <TemplateBadges template={template} />
            {template.estimatedDuration && (
              <span className="text-muted text-sm">Takes about {formatDuration(template.estimatedDuration)}</span>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

const COLUMNS: Column<Template>[] = [
  {
    id: "name",
    header: "Template",
    cell: (template) => (
      <span className="flex min-w-0 items-center gap-2">
        <TemplateIcon icon={template.icon} />
        <Link
          to="/templates/$template"
          params={{ template: idOf(template.name) }}
          className="truncate font-medium text-accent-strong hover:underline"
        >
          <span dir="auto">{template.displayName}</span>
        </Link>
        <TemplateBadges template={template} />
      </span>
    ),
  },
  {
    id: "description",
    header: "Purpose",
    cell: ({ description }) => <span title={description}>{description}</span>,
    from: "lg",
  },
  { id: "category", header: "Category", width: "130px", cell: ({ category }) => category },
  { id: "provider", header: "Provider", width: "120px", cell: ({ provider }) => providerWord(provider) },
  { id: "version", header: "Version", width: "90px", cell: ({ latestVersion }) => idOf(latestVersion) },
  {
    id: "duration",
    header: "Takes about",
    width: "110px",
    align: "end",
    from: "md",
    cell: ({ estimatedDuration }) => estimatedDuration && formatDuration(estimatedDuration),
  },
];

function Table({ templates }: { templates: readonly Template[] }) {
  return (
    <DataTable
      label="Templates"
      rows={templates}
      columns={COLUMNS}
      rowKey={({ name }) => name}
      place={({ name }) => routeOf(name)}
      compact={(template) => ({
        first: (
          <Link
            to="/templates/$template"
            params={{ template: idOf(template.name) }}
            className="font-medium text-accent-strong"
          >
            {template.displayName}
          </Link>
        ),
        second: `${providerWord(template.provider)} · ${template.category} · ${idOf(template.latestVersion)}`,
      })}
      total={templates.length}
    />
  );
}
