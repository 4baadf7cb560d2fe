import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { EmptyState } from "~/components/empty-state";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RequestPage } from "~/components/request/request-page";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { allOf, quoted } from "~/lib/filter";

export const Route = createFileRoute("/_app/requests/$code")({ component: RequestByCode });

/** Codes are unique in the organization, so that people can say them: the unit is looked up. */
function RequestByCode() {
  const { code } = Route.useParams();
  const found = useQuery(
    RequestService.method.listRequests,
    { parent: "businessUnits/-", pageSize: 1, filter: allOf(`code = ${quoted(code)}`) },
    { staleTime: Number.POSITIVE_INFINITY, select: ({ requests }) => requests[0]?.name ?? "" },
  );
  if (found.data) return <RequestPage key={found.data} name={found.data} />;
  return (
    <Page title={code} crumbs={[{ to: "/requests", label: "Requests" }]}>
      <QueryView query={found} title="The request could not be looked up">
        {() => (
          <EmptyState>
            There is no request {code}, or you may not read it. Its requester and whoever holds{" "}
            <code>business_unit:requests:list</code> in its business unit may.
          </EmptyState>
        )}
      </QueryView>
    </Page>
  );
}
