import { useInfiniteQuery } from "@connectrpc/connect-query";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { DataTable } from "~/components/list/data-table";
import { Skeleton } from "~/components/page";
import { compactRequest, REQUEST_COLUMNS, requestPlace } from "~/components/request/request-list";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { quoted } from "~/lib/filter";
import { paged, useListed } from "~/lib/listed";
import { unitOf } from "~/lib/names";

/** What is the same for all of them says nothing here. */
const COLUMNS = REQUEST_COLUMNS.filter(({ id }) => id !== "deployment" && id !== "tier");

/** The requests on a deployment, newest first. */
export function DeploymentRequests({ name }: { name: string }) {
  const input = {
    parent: `businessUnits/${unitOf(name)}`,
    filter: `deployment = ${quoted(name)}`,
    pageSize: 100,
    pageToken: "",
  };
  const query = useInfiniteQuery(RequestService.method.listRequests, input, paged);
  const list = useListed(RequestService.method.listRequests, input, query, ({ requests }) => requests);
  if (list.isLoading && list.error == null) return <Skeleton />;
  if (list.error != null && list.rows.length === 0) {
    return <ErrorNotice error={list.error} title="The requests could not be read" onRetry={list.reload} />;
  }
  if (list.rows.length === 0) return <EmptyState>No request on it that you may see.</EmptyState>;
  return (
    <DataTable
      label="Requests"
      rows={list.rows}
      columns={COLUMNS}
      rowKey={({ name }) => name}
      place={requestPlace}
      compact={compactRequest}
      more={list.more}
    />
  );
}
