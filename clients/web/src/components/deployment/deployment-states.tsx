// The versions of a deployment's state, as its engine stored them.

import { useInfiniteQuery } from "@connectrpc/connect-query";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { type Column, DataTable } from "~/components/list/data-table";
import { Skeleton } from "~/components/page";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { StateBadge } from "~/components/state-badge";
import { WorkspaceService, type WorkspaceState, WorkspaceStateState } from "~/gen/flagstone/v1/workspace_service_pb";
import { formatNumber, shortDigest } from "~/lib/format";
import { paged, useListed } from "~/lib/listed";

export function DeploymentStates({ name }: { name: string }) {
  const input = { parent: name, pageSize: 100, pageToken: "" };
  const query = useInfiniteQuery(WorkspaceService.method.listWorkspaceStates, input, paged);
  const list = useListed(
    WorkspaceService.method.listWorkspaceStates,
    input,
    query,
    ({ workspaceStates }) => workspaceStates,
  );
  if (list.isLoading && list.error == null) return <Skeleton />;
  if (list.error != null && list.rows.length === 0) {
    return <ErrorNotice error={list.error} title="The state versions could not be read" onRetry={list.reload} />;
  }
  if (list.rows.length === 0) return <EmptyState>No engine has stored a state yet.</EmptyState>;
  const orphaned = list.rows.some(({ state }) => state === WorkspaceStateState.ORPHANED);
  return (
    <div className="flex flex-col gap-3">
      <p className="max-w-3xl text-muted">
        Each apply stores what it made. The contents stay on the server: they hold secrets.
      </p>
      {orphaned && (
        <p className="max-w-3xl rounded-md bg-person-soft px-3 py-2 text-person">
          An orphaned state came from a job that had lost its lease. It is kept aside and never used; resources that
          only it names may exist without a deployment.
        </p>
      )}
      <DataTable
        label="State versions"
        rows={list.rows}
        columns={COLUMNS}
        rowKey={({ serial, lineage, sha256, fence }) => `${lineage} ${serial} ${fence} ${sha256}`}
        compact={compact}
        more={list.more}
      />
    </div>
  );
}

const COLUMNS: readonly Column<WorkspaceState>[] = [
  {
    id: "serial",
    header: "Serial",
    width: "72px",
    cell: ({ serial }) => <span className="font-mono">{`${serial}`}</span>,
  },
  {
    id: "state",
    header: "State",
    width: "136px",
    cell: ({ state }) => <StateBadge kind="workspaceState" state={state} />,
  },
  {
    id: "resources",
    header: "Resources",
    width: "84px",
    align: "end",
    cell: ({ resourceCount }) => formatNumber(resourceCount),
  },
  { id: "job", header: "Job", cell: ({ job }) => <ResourceName name={job} /> },
  {
    id: "sha256",
    header: "SHA-256",
    width: "120px",
    from: "md",
    cell: ({ sha256 }) => (
      <code title={sha256} className="text-muted">
        {shortDigest(sha256)}
      </code>
    ),
  },
  {
    id: "lineage",
    header: "Lineage",
    width: "120px",
    from: "lg",
    cell: ({ lineage }) => (
      <code title={lineage} className="text-muted">
        {lineage.slice(0, 8)}
      </code>
    ),
  },
  { id: "fence", header: "Fence", width: "64px", from: "lg", align: "end", cell: ({ fence }) => `${fence}` },
  { id: "time", header: "Stored", width: "108px", cell: ({ time }) => <RelativeTime time={time} /> },
];

function compact({ serial, state, resourceCount, job, time }: WorkspaceState) {
  return {
    first: (
      <>
        <span>Serial {`${serial}`}</span>
        <StateBadge kind="workspaceState" state={state} />
      </>
    ),
    second: (
      <>
        <span>{formatNumber(resourceCount)} resources</span>
        {job && <ResourceName name={job}>See job</ResourceName>}
        <RelativeTime time={time} />
      </>
    ),
  };
}
