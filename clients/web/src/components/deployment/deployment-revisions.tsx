// The revisions of a deployment, and what differs between two of them.

import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { ArrowLeftRight } from "lucide-react";
import { useId } from "react";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { type Column, DataTable } from "~/components/list/data-table";
import { Section, Skeleton } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { ValuesDiff } from "~/components/values";
import { type Deployment, DeploymentService, type Revision } from "~/gen/flagstone/v1/deployment_service_pb";
import { RequestKind } from "~/gen/flagstone/v1/request_service_pb";
import { outputValues } from "~/lib/deployment-words";
import { formatMillis, millis, sentence, shortDigest } from "~/lib/format";
import { paged, useListed } from "~/lib/listed";
import { partOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Select } from "~/ui/field";
import { useSchemas } from "./deployment-overview";

/** Which two are compared, by number. */
export interface Compared {
  from: number | undefined;
  to: number | undefined;
}

export interface DeploymentRevisionsProps extends Compared {
  deployment: Deployment;
  onCompare: (compared: Compared) => void;
}

export function DeploymentRevisions({ deployment, from, to, onCompare }: DeploymentRevisionsProps) {
  const input = { parent: deployment.name, pageSize: 100, pageToken: "" };
  const query = useInfiniteQuery(DeploymentService.method.listRevisions, input, paged);
  const list = useListed(DeploymentService.method.listRevisions, input, query, ({ revisions }) => revisions);
  const newest = list.rows[0]?.number ?? 0;
  if (list.isLoading && list.error == null) return <Skeleton />;
  if (list.error != null && list.rows.length === 0) {
    return <ErrorNotice error={list.error} title="The revisions could not be read" onRetry={list.reload} />;
  }
  if (newest === 0) {
    return <EmptyState>There is no revision yet. The first one comes when its request is approved.</EmptyState>;
  }
  const compare = ({ number }: Revision) => onCompare({ from: number - 1, to: number });
  const columns: readonly Column<Revision>[] = [
    ...COLUMNS,
    {
      id: "compare",
      header: "Changes",
      width: "136px",
      cell: (revision) =>
        revision.number > 1 ? (
          <Button size="sm" variant="ghost" onClick={() => compare(revision)}>
            Compare with {revision.number - 1}
          </Button>
        ) : (
          <span className="px-2 text-muted text-sm">The first</span>
        ),
    },
  ];
  return (
    <div className="flex min-w-0 flex-col gap-6">
      {from !== undefined && to !== undefined && (
        <Section
          title={`Revision ${from} compared with ${to}`}
          actions={
            <Button size="sm" variant="ghost" onClick={() => onCompare({ from: undefined, to: undefined })}>
              Close the comparison
            </Button>
          }
        >
          <Comparison name={deployment.name} from={from} to={to} newest={newest} onCompare={onCompare} />
        </Section>
      )}
      <DataTable
        label="Revisions"
        rows={list.rows}
        columns={columns}
        rowKey={({ name }) => name}
        onOpen={(revision) => revision.number > 1 && compare(revision)}
        openKey={to === undefined ? undefined : `${deployment.name}/revisions/${to}`}
        compact={compact}
        more={list.more}
      />
    </div>
  );
}

function Comparison(
  props: { name: string; from: number; to: number; newest: number } & Pick<DeploymentRevisionsProps, "onCompare">,
) {
  const { name, from, to, newest, onCompare } = props;
  const before = useQuery(DeploymentService.method.getRevision, { name: `${name}/revisions/${from}` });
  const after = useQuery(DeploymentService.method.getRevision, { name: `${name}/revisions/${to}` });
  const schemas = useSchemas(after.data?.templateVersion ?? "");
  return (
    <div className="flex flex-col gap-4 rounded-md border border-line-strong p-4">
      <div className="flex flex-wrap items-center gap-2">
        <NumberField label="Before" value={from} newest={newest} onChange={(next) => onCompare({ from: next, to })} />
        <Button
          size="sm"
          variant="ghost"
          icon={<ArrowLeftRight aria-hidden className="size-4" />}
          onClick={() => onCompare({ from: to, to: from })}
        >
          Swap
        </Button>
        <NumberField label="After" value={to} newest={newest} onChange={(next) => onCompare({ from, to: next })} />
      </div>
      <QueryView query={before} title={`Revision ${from} could not be read`} lines={3}>
        {(one) => (
          <QueryView query={after} title={`Revision ${to} could not be read`} lines={3}>
            {(other) => (
              <>
                {one.templateVersion !== other.templateVersion && (
                  <p>
                    Template version {partOf(one.templateVersion, "versions")} →{" "}
                    {partOf(other.templateVersion, "versions")}
                  </p>
                )}
                <h3 className="font-semibold">Inputs</h3>
                <ValuesDiff before={one.inputs ?? {}} after={other.inputs ?? {}} schema={schemas?.inputSchema} />
                <h3 className="font-semibold">Outputs</h3>
                <ValuesDiff
                  before={outputValues(one.outputs)}
                  after={outputValues(other.outputs)}
                  schema={schemas?.outputSchema}
                />
              </>
            )}
          </QueryView>
        )}
      </QueryView>
    </div>
  );
}

/** More choices than this are typed. */
const CHOICES_MAX = 200;

function NumberField(props: { label: string; value: number; newest: number; onChange: (next: number) => void }) {
  const { label, value, newest, onChange } = props;
  const id = useId();
  const first = Math.max(1, newest - CHOICES_MAX + 1);
  const numbers = Array.from({ length: newest - first + 1 }, (_, index) => newest - index);
  // A copied link may name an older one.
  const choices = numbers.includes(value) ? numbers : [...numbers, value];
  return (
    <div className="inline-flex items-center gap-2">
      <label htmlFor={id} className="text-muted">
        {label}
      </label>
      <span className="w-36">
        <Select id={id} value={value} onChange={(event) => onChange(Number(event.target.value))}>
          {choices.map((number) => (
            <option key={number} value={number}>
              Revision {number}
            </option>
          ))}
        </Select>
      </span>
    </div>
  );
}

function Took({ revision: { startTime, endTime } }: { revision: Revision }) {
  const start = millis(startTime);
  const end = millis(endTime);
  return start === undefined || end === undefined ? null : <span>{formatMillis(end - start)}</span>;
}

const description = ({ description }: Revision) => (
  <span dir="auto" title={description}>
    {description}
  </span>
);

const COLUMNS: readonly Column<Revision>[] = [
  {
    id: "number",
    header: "Revision",
    width: "72px",
    cell: ({ number }) => <span className="font-mono">{number}</span>,
  },
  { id: "state", header: "State", width: "124px", cell: ({ state }) => <StateBadge kind="revision" state={state} /> },
  { id: "kind", header: "Kind", width: "72px", from: "lg", cell: ({ kind }) => sentence(RequestKind[kind] ?? "") },
  { id: "description", header: "Description", cell: description },
  {
    id: "version",
    header: "Version",
    width: "84px",
    from: "xl",
    cell: ({ templateVersion }) => partOf(templateVersion, "versions"),
  },
  {
    id: "request",
    header: "Request",
    width: "96px",
    from: "md",
    cell: ({ request }) => <ResourceName name={request}>See request</ResourceName>,
  },
  {
    id: "job",
    header: "Job",
    width: "68px",
    from: "lg",
    cell: ({ job }) => job && <ResourceName name={job}>See log</ResourceName>,
  },
  {
    id: "digest",
    header: "Plan",
    width: "112px",
    from: "xl",
    cell: ({ planDigest }) => (
      <code title={planDigest} className="text-muted">
        {shortDigest(planDigest)}
      </code>
    ),
  },
  {
    id: "initiator",
    header: "Asked by",
    width: "108px",
    from: "md",
    cell: ({ initiator }) => <PrincipalChip name={initiator} />,
  },
  {
    id: "took",
    header: "Took",
    width: "84px",
    from: "lg",
    align: "end",
    cell: (revision) => <Took revision={revision} />,
  },
  { id: "created", header: "Approved", width: "108px", cell: ({ createTime }) => <RelativeTime time={createTime} /> },
];

function compact(revision: Revision) {
  return {
    first: (
      <>
        <span>
          <span className="font-mono">{revision.number}</span> {description(revision)}
        </span>
        <StateBadge kind="revision" state={revision.state} />
      </>
    ),
    second: (
      <>
        <PrincipalChip name={revision.initiator} />
        <RelativeTime time={revision.createTime} />
      </>
    ),
  };
}
