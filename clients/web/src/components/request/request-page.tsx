// A request from the first idea to the end, live: on the left what happened, on the right what it does.

import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { CircleX, RotateCcw } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useWatchedRequest, type WatchedRequest } from "~/api/watched-request";
import { ApprovalStages } from "~/components/approval/approval-stages";
import { Approvers } from "~/components/approval/approvers";
import { DecisionBar } from "~/components/approval/decision-bar";
import { Facts, Page, Section, Skeleton } from "~/components/page";
import { PlanDiff } from "~/components/plan/plan-diff";
import { PolicyResults } from "~/components/policy-results";
import { PrincipalChip } from "~/components/principal-chip";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ProgressLine, StateBadge } from "~/components/state-badge";
import { TierBadge } from "~/components/tier-badge";
import { WhyWaiting } from "~/components/why-waiting";
import { type Approval, ApprovalService, ApprovalState, Verdict } from "~/gen/flagstone/v1/approval_service_pb";
import { type Request, RequestKind, RequestService, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { sentence } from "~/lib/format";
import { usePermissions } from "~/lib/me";
import { unitOf } from "~/lib/names";
import { phaseWords, whatItDoes, whereItIs } from "~/lib/request-words";
import { RequestActions } from "./request-actions";
import { RequestContent, RequestOutputs } from "./request-content";
import { RequestJobs } from "./request-jobs";
import { Timeline } from "./timeline";

/** Nothing waits any more; why it failed is said in full elsewhere. */
const OVER = new Set([
  RequestState.COMPLETED,
  RequestState.REJECTED,
  RequestState.CANCELLED,
  RequestState.EXPIRED,
  RequestState.FAILED,
]);

const CRUMBS = [{ to: "/requests", label: "Requests" }];

/** One request, by its resource name. */
export function RequestPage({ name }: { name: string }) {
  const watched = useWatchedRequest(name);
  const { request: query } = watched;
  if (query.data) return <Loaded request={query.data} watched={watched} />;
  return (
    <Page title="Request" crumbs={CRUMBS}>
      <QueryView query={query} title="The request could not be read" lines={12}>
        {() => null}
      </QueryView>
    </Page>
  );
}

function Loaded({ request, watched }: { request: Request; watched: WatchedRequest }) {
  const { code, name, title, description, state, tier, policyResults } = request;
  const approval = useApproval(request);
  const { progress } = watched;
  const isRunning = state === RequestState.PLANNING || state === RequestState.APPLYING;
  return (
    <Page
      title={title || code}
      tab={`${code} ${title}`}
      crumbs={CRUMBS}
      name={name}
      badges={
        <>
          <span className="font-mono text-muted">{code}</span>
          <StateBadge kind="request" state={state} />
          <TierBadge tier={tier} />
        </>
      }
      lead={<Lead request={request} approval={approval} />}
      actions={<RequestActions request={request} />}
    >
      {/* A job that waits for a runner has no step yet: nothing moves, so nothing is shown to. */}
      {isRunning && progress?.step && (
        <div className="flex flex-col gap-1">
          <ProgressLine percent={progress.percent} label={`${code}: ${whereItIs(request)}`} />
          <p className="text-muted text-sm" dir="auto">
            {sentence(progress.step)}, step {progress.current} of {progress.total}
            {progress.message && `: ${progress.message}`}
          </p>
        </div>
      )}
      <div className="grid gap-x-8 gap-y-6 lg:grid-cols-[320px_minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-6 lg:col-start-2 lg:row-start-1">
          <Rejected request={request} approval={approval} timeline={watched.timeline} />
          <Failure request={request} />
          {!OVER.has(state) && <WhyWaiting name={name} state={state} />}
          {description && (
            <p className="max-w-4xl whitespace-pre-wrap" dir="auto">
              {description}
            </p>
          )}
          <RequestOutputs request={request} />
          <PlanSection request={request} />
          <RequestContent request={request} />
          {policyResults.length > 0 && (
            <Section title="Policies">
              <PolicyResults results={policyResults} />
            </Section>
          )}
        </div>
        <div className="flex min-w-0 flex-col gap-6 lg:col-start-1 lg:row-start-1">
          <Section title="Timeline">
            {watched.timeline.length > 0 ? <Timeline entries={watched.timeline} /> : <Skeleton lines={3} />}
          </Section>
          {approval && (
            <Section title="Approval">
              <ApprovalStages approval={approval} />
            </Section>
          )}
          <RequestJobs request={request} />
          <Section title="About">
            <About request={request} />
          </Section>
        </div>
      </div>
      {approval && <Decide approval={approval} />}
    </Page>
  );
}

/**
 * The current approval, for those who may see approvals. While the request is planned anew it is the one before, which is
 * void by then: so whoever has looked at that one is told that the next is another.
 */
function useApproval({ approval: current, name: request }: Request): Approval | undefined {
  const { holds } = usePermissions();
  const [name, setName] = useState(current);
  if (current !== "" && current !== name) setName(current);
  const enabled = name !== "" && holds("business_unit:approvals:list", `businessUnits/${unitOf(request)}`);
  return useQuery(ApprovalService.method.getApproval, { name }, { enabled, placeholderData: keepPreviousData }).data;
}

function Decide({ approval }: { approval: Approval }) {
  const { holds } = usePermissions();
  const mayDecideSome = DECIDE.some((permission) => holds(permission, approval.businessUnit));
  if (!approval.canDecide && !mayDecideSome) return null;
  return <DecisionBar key={approval.request} approval={approval} />;
}

const DECIDE = [
  "business_unit:approvals:decide:development",
  "business_unit:approvals:decide:staging",
  "business_unit:approvals:decide:production",
  "business_unit:approvals:decide_assigned",
];

/** The answer in one sentence. */
function Lead({ request, approval }: { request: Request; approval: Approval | undefined }) {
  const stage = approval?.state === ApprovalState.PENDING ? approval.stages[approval.currentStage] : undefined;
  const isPending = request.state === RequestState.PENDING_APPROVAL;
  return (
    <p>
      {whatItDoes(request)};{" "}
      {isPending && stage ? (
        <>
          waits for {stage.quorum - stage.approved} of {stage.quorum} {stage.quorum === 1 ? "approval" : "approvals"}{" "}
          from <Approvers names={stage.approvers} />
        </>
      ) : (
        whereItIs(request)
      )}
      .
    </p>
  );
}

/** Why somebody said no: the first thing that its requester looks for. */
function Rejected({
  request,
  approval,
  timeline,
}: {
  request: Request;
  approval: Approval | undefined;
  timeline: WatchedRequest["timeline"];
}) {
  if (request.state !== RequestState.REJECTED) return null;
  const decision = approval?.decisions.find(({ verdict }) => verdict === Verdict.REJECT);
  const entry = timeline.findLast(({ event }) => event === "rejected");
  const by = decision?.principal ?? entry?.principal;
  const comment = decision?.comment ?? entry?.comment;
  return (
    <Outcome
      label="Rejected"
      icon={<CircleX aria-hidden className="size-4" />}
      heading={by ? <>Rejected by {<PrincipalChip name={by} />}</> : "Rejected"}
    >
      {comment && (
        <p className="whitespace-pre-wrap" dir="auto">
          {comment}
        </p>
      )}
    </Outcome>
  );
}

/** Why it failed, or why it waits again, and what to do about it. */
function Failure({ request: { error, state, failedPhase } }: { request: Request }) {
  if (!error) return null;
  const failed = state === RequestState.FAILED;
  const phase = phaseWords(failedPhase);
  return (
    <Outcome
      label={failed ? "Failure" : "Planned anew"}
      icon={failed ? <CircleX aria-hidden className="size-4" /> : <RotateCcw aria-hidden className="size-4" />}
      tone={failed ? "failed" : "waiting"}
      heading={failed ? `Failed${phase ? ` ${phase}` : ""}` : "It was planned anew"}
      badge={error.errorClass}
    >
      <p className="whitespace-pre-wrap" dir="auto">
        {error.message}
      </p>
      {error.suggestion && <p dir="auto">{error.suggestion}</p>}
      {failed && <p className="text-muted">“Retry request” makes a fresh plan; no plan is applied twice.</p>}
    </Outcome>
  );
}

function Outcome({
  label,
  icon,
  tone = "failed",
  heading,
  badge,
  children,
}: {
  label: string;
  icon: ReactNode;
  tone?: "failed" | "waiting";
  heading: ReactNode;
  badge?: string;
  children: ReactNode;
}) {
  const classes = tone === "failed" ? "bg-failed-soft text-failed" : "bg-waiting-soft text-waiting";
  return (
    <section aria-label={label} className={`flex items-start gap-2 rounded-md px-3 py-2 ${classes}`}>
      <span className="mt-0.5 shrink-0">{icon}</span>
      <div className="flex min-w-0 flex-col gap-1 text-ink">
        <p className="font-semibold">
          {heading} {badge && <code className="font-normal text-muted">{badge}</code>}
        </p>
        {children}
      </div>
    </section>
  );
}

function PlanSection({ request: { name, plan, state } }: { request: Request }) {
  const query = useQuery(RequestService.method.getRequestPlan, { name }, { enabled: plan !== undefined });
  if (!plan) {
    return state === RequestState.PLANNING ? (
      <Section title="Plan">
        <p className="text-muted">It appears here as soon as it is made.</p>
      </Section>
    ) : null;
  }
  // Never the plan before under the digest of this one.
  const current = query.data?.summary?.digest === plan.digest ? query.data : undefined;
  return (
    <Section title="Plan">
      <QueryView query={{ ...query, data: current }} title="The plan could not be read">
        {(data) => <PlanDiff plan={data} />}
      </QueryView>
    </Section>
  );
}

function About({ request }: { request: Request }) {
  const { name, kind, requester, environment, deployment, revision, createTime, contentHash, contentRevision } =
    request;
  return (
    <Facts
      facts={[
        ["Kind", sentence(RequestKind[kind] ?? "")],
        ["Requester", <PrincipalChip key="requester" name={requester} />],
        ["Environment", <ResourceName key="environment" name={environment} />],
        deployment !== "" && ["Deployment", <ResourceName key="deployment" name={deployment} />],
        revision !== "" && ["Revision", <ResourceName key="revision" name={revision} />],
        ["Business unit", <code key="unit">{unitOf(name)}</code>],
        ["Created", <RelativeTime key="created" time={createTime} />],
        [
          "Content",
          <span key="content">
            <code title={contentHash}>{contentHash.slice(0, 12)}</code>, revision {contentRevision}
          </span>,
        ],
      ]}
    />
  );
}
