import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Navigate } from "@tanstack/react-router";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";

export const Route = createFileRoute("/_app/b/$bu/requests/$request")({ component: RequestByName });

/** The address that a resource name leads to; the page itself is at the code that people use. */
function RequestByName() {
  const { bu, request } = Route.useParams();
  const found = useQuery(RequestService.method.getRequest, { name: `businessUnits/${bu}/requests/${request}` });
  if (found.data) return <Navigate to="/requests/$code" params={{ code: found.data.code }} replace />;
  return (
    <Page title="Request" crumbs={[{ to: "/requests", label: "Requests" }]}>
      <QueryView query={found} title="The request could not be read">
        {() => null}
      </QueryView>
    </Page>
  );
}
