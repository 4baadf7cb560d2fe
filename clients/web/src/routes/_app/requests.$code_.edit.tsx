import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { EmptyState } from "~/components/empty-state";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { stateLook } from "~/components/state-badge";
import { EditRequest } from "~/components/wizard/edit-request";
import { type Request, RequestService, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { allOf, quoted } from "~/lib/filter";
import { useMe } from "~/lib/me";
import { idOf } from "~/lib/names";
import { readStep, type Step } from "~/lib/wizard-step";
import { buttonClass } from "~/ui/button";

export const Route = createFileRoute("/_app/requests/$code_/edit")({
  validateSearch: (search): { step?: Step } => readStep(search),
  component: EditRoute,
});

const EDITABLE: readonly RequestState[] = [
  RequestState.DRAFT,
  RequestState.PLANNING,
  RequestState.PENDING_APPROVAL,
  RequestState.APPROVED,
];

function EditRoute() {
  const { code } = Route.useParams();
  const { step = "configure" } = Route.useSearch();
  const navigate = Route.useNavigate();
  const me = useMe();
  const query = useQuery(RequestService.method.listRequests, {
    parent: "businessUnits/-",
    pageSize: 1,
    filter: allOf(`code = ${quoted(code)}`),
  });
  const request = query.data?.requests[0];
  const why = request && me && whyNot(request, me.name);
  if (request && me && !why) {
    return (
      <EditRequest
        key={request.name}
        request={request}
        user={me.name}
        step={step}
        onStep={(next) =>
          void navigate({
            search: ({ step: _, ...before }) => (next === "review" ? { ...before, step: next } : before),
          })
        }
        refresh={async () => (await query.refetch()).data?.requests[0]}
      />
    );
  }
  return (
    <Page title={`Edit ${code}`} crumbs={[{ to: "/requests", label: "Requests" }]}>
      <QueryView query={query} title="The request could not be looked up">
        {() => (
          <EmptyState
            action={
              request && (
                <Link to="/requests/$code" params={{ code }} className={buttonClass()}>
                  Show {code}
                </Link>
              )
            }
          >
            {why ?? `There is no request ${code}, or you may not read it.`}
          </EmptyState>
        )}
      </QueryView>
    </Page>
  );
}

function whyNot({ code, state, requester }: Request, me: string): string | undefined {
  if (requester !== me) return `Only ${idOf(requester)}, who made ${code}, may change it. Make a request of your own.`;
  if (!EDITABLE.includes(state)) {
    return `${code} is ${stateLook("request", state).word.toLowerCase()}: its content can no longer be changed.`;
  }
  return undefined;
}
