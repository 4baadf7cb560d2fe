// Everything that a person needs to decide: what happens, who asks, what the policies say, who else is asked.

import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { Facts, Section } from "~/components/page";
import { PlanDiff, planSentence } from "~/components/plan/plan-diff";
import { PolicyResults } from "~/components/policy-results";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { RequestContent } from "~/components/request/request-content";
import { ResourceName } from "~/components/resource-name";
import { tierWord } from "~/components/tier-badge";
import { type Approval, ApprovalState } from "~/gen/flagstone/v1/approval_service_pb";
import { RequestKind, RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { cn } from "~/lib/cn";
import { sentence } from "~/lib/format";
import { ApprovalStages } from "./approval-stages";
import { Approvers } from "./approvers";
import { DecisionBar } from "./decision-bar";

/** What it does and whom it waits for, in one sentence. */
export function ApprovalLead({ approval }: { approval: Approval }) {
  const { plan, tier, state, stages, currentStage, requestKind } = approval;
  const stage = state === ApprovalState.PENDING ? stages[currentStage] : undefined;
  const does = plan ? planSentence(plan) : sentence(RequestKind[requestKind] ?? "");
  return (
    <p>
      {does} in {tierWord(tier).toLowerCase()};{" "}
      {stage ? (
        <>
          waits for {stage.quorum - stage.approved} of {stage.quorum} {stage.quorum === 1 ? "approval" : "approvals"}{" "}
          from <Approvers names={stage.approvers} />
        </>
      ) : (
        OUTCOMES[state]
      )}
      .
    </p>
  );
}

const OUTCOMES: Partial<Record<ApprovalState, string>> = {
  [ApprovalState.APPROVED]: "approved",
  [ApprovalState.REJECTED]: "rejected",
  [ApprovalState.EXPIRED]: "nobody decided in time",
  [ApprovalState.WITHDRAWN]: "its request was cancelled",
  [ApprovalState.SUPERSEDED]: "void, since the request or its plan changed",
};

export interface ApprovalDetailProps {
  approval: Approval;
  onDecided?: (approval: Approval) => void;
  /** Beside a list: one column. */
  inPanel?: boolean;
}

export function ApprovalDetail({ approval, onDecided, inPanel }: ApprovalDetailProps) {
  const { request: name, planDigest, requestCode } = approval;
  const request = useQuery(RequestService.method.getRequest, { name });
  const plan = useQuery(RequestService.method.getRequestPlan, { name }, { enabled: planDigest !== "" });
  return (
    <>
      <div className={inPanel ? "flex flex-col gap-6" : "grid gap-x-8 gap-y-6 lg:grid-cols-[320px_minmax(0,1fr)]"}>
        <div
          className={cn(
            "order-last flex min-w-0 flex-col gap-6",
            !inPanel && "lg:order-none lg:col-start-1 lg:row-start-1",
          )}
        >
          <Section title="Stages">
            <ApprovalStages approval={approval} />
          </Section>
          <Section title="About">
            <About approval={approval} />
          </Section>
        </div>
        <div className="flex min-w-0 flex-col gap-6">
          {request.data?.description && (
            <p className="max-w-4xl whitespace-pre-wrap" dir="auto">
              {request.data.description}
            </p>
          )}
          {planDigest !== "" && (
            <Section title="Plan">
              <QueryView query={plan} title="The plan could not be read">
                {(data) =>
                  data.summary?.digest === planDigest ? (
                    <PlanDiff plan={data} />
                  ) : (
                    <p>
                      The plan that this approval binds was replaced by another one.{" "}
                      <Link
                        to="/requests/$code"
                        params={{ code: requestCode }}
                        className="text-accent-strong underline"
                      >
                        {requestCode} shows it
                      </Link>
                      .
                    </p>
                  )
                }
              </QueryView>
            </Section>
          )}
          <QueryView query={request} title="The request could not be read">
            {(data) => (
              <>
                <RequestContent request={data} />
                <Section title="Policies">
                  <PolicyResults results={data.policyResults} />
                </Section>
              </>
            )}
          </QueryView>
        </div>
      </div>
      <DecisionBar key={name} approval={approval} onDecided={onDecided} inPanel={inPanel} />
    </>
  );
}

function About({ approval }: { approval: Approval }) {
  const { request, requestCode, requester, requestKind, businessUnit, createTime, updateTime, expireTime, state } =
    approval;
  return (
    <Facts
      facts={[
        [
          "Request",
          <ResourceName key="request" name={request}>
            {requestCode}
          </ResourceName>,
        ],
        ["Requester", <PrincipalChip key="requester" name={requester} />],
        ["Kind", sentence(RequestKind[requestKind] ?? "")],
        ["Business unit", <ResourceName key="unit" name={businessUnit} />],
        ["Asked for", <RelativeTime key="created" time={createTime} />],
        state === ApprovalState.PENDING
          ? ["Expires", <RelativeTime key="expires" time={expireTime} />]
          : ["Decided", <RelativeTime key="decided" time={updateTime} />],
      ]}
    />
  );
}
