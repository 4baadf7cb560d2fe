import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { useLive } from "~/api/live";
import { ApprovalDetail, ApprovalLead } from "~/components/approval/approval-detail";
import { Page } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { ApprovalService } from "~/gen/flagstone/v1/approval_service_pb";

export const Route = createFileRoute("/_app/approvals/$approval")({ component: ApprovalPage });

const CRUMBS = [{ to: "/approvals", label: "Approvals" }];

function ApprovalPage() {
  const { approval: id } = Route.useParams();
  useLive({ types: ["approval", "request"] });
  const query = useQuery(ApprovalService.method.getApproval, { name: `approvals/${id}` });
  const approval = query.data;
  if (!approval) {
    return (
      <Page title="Approval" crumbs={CRUMBS}>
        <QueryView query={query} title="The approval could not be read" lines={12}>
          {() => null}
        </QueryView>
      </Page>
    );
  }
  const { name, requestCode, requestTitle, state, tier } = approval;
  return (
    <Page
      title={requestTitle || requestCode}
      tab={`Approval of ${requestCode}`}
      crumbs={CRUMBS}
      name={name}
      badges={
        <>
          <span className="font-mono text-muted">{requestCode}</span>
          <StateBadge kind="approval" state={state} />
          <TierBadge tier={tier} />
        </>
      }
      lead={<ApprovalLead approval={approval} />}
    >
      <QueryView query={query}>{() => <ApprovalDetail approval={approval} />}</QueryView>
    </Page>
  );
}
