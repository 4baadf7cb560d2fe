import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { ShoppingBag } from "lucide-react";
import type { ReactNode } from "react";
import { useLive } from "~/api/live";
import { Activity } from "~/components/activity";
import { EmptyState } from "~/components/empty-state";
import { SetUpNotice } from "~/components/onboarding/set-up-notice";
import { Page, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { StateBadge } from "~/components/state-badge";
import { TierBadge, tierWord } from "~/components/tier-badge";
import { type Approval, ApprovalService } from "~/gen/flagstone/v1/approval_service_pb";
import { DeploymentService } from "~/gen/flagstone/v1/deployment_service_pb";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { JobService } from "~/gen/flagstone/v1/job_service_pb";
import { type Request, RequestService, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { allOf, oneOf, quoted } from "~/lib/filter";
import { count, formatNumber } from "~/lib/format";
import { useMe, usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";
import { useParent } from "~/lib/unit";
import { buttonClass } from "~/ui/button";

export const Route = createFileRoute("/_app/")({ component: Home });

/** Requests that are still on their way. */
const UNDER_WAY = ["DRAFT", "PLANNING", "PENDING_APPROVAL", "APPROVED", "APPLYING"];

/** What a block shows; the list behind its link has the rest. */
const SHOWN = 8;

/** What waits for me, what I asked for, what failed: in the order in which this person acts on it. */
function Home() {
  useLive({ types: ["request", "approval", "deployment", "job"] });
  const { holds } = usePermissions();
  const decides = ["development", "staging", "production"].some((tier) =>
    holds(`business_unit:approvals:decide:${tier}`),
  );
  const decisions = decides && <Decisions key="decisions" />;
  const failures = holds("business_unit:jobs:list") && <FailedJobs key="failures" />;
  return (
    <Page
      title="Home"
      actions={
        <Link to="/templates" className={buttonClass("primary")}>
          <ShoppingBag aria-hidden className="size-4" />
          Order something
        </Link>
      }
    >
      <SetUpNotice />
      <div className="grid gap-6 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-6">
          {decisions}
          <MyRequests />
          {failures}
        </div>
        <div className="flex min-w-0 flex-col gap-6">
          <Deployments />
          <Recommended />
          <Section title="Lately">
            <Activity size={8} />
          </Section>
        </div>
      </div>
    </Page>
  );
}

function Rows({ children }: { children: ReactNode }) {
  return <ul className="border-line border-t">{children}</ul>;
}

function Row({ children }: { children: ReactNode }) {
  return (
    <li className="flex min-h-9 items-center gap-2 border-line border-b py-1 hover:bg-hover focus-within:bg-hover">
      {children}
    </li>
  );
}

function More({ to, children }: { to: string; children: ReactNode }) {
  return (
    <Link to={to} className="text-accent-strong text-sm hover:underline">
      {children}
    </Link>
  );
}

function Decisions() {
  const approvals = useQuery(ApprovalService.method.listApprovals, { filter: "state = PENDING", pageSize: 200 });
  return (
    <Section title="Waiting for my decision" actions={<More to="/approvals">All approvals</More>}>
      <QueryView query={approvals} title="The approvals could not be read" lines={2}>
        {({ approvals: found }) => {
          const mine = found.filter((approval) => approval.canDecide);
          if (mine.length === 0) return <p className="text-muted">Nothing waits for your decision.</p>;
          return (
            <Rows>
              {mine.slice(0, SHOWN).map((approval) => (
                <DecisionRow key={approval.name} approval={approval} />
              ))}
            </Rows>
          );
        }}
      </QueryView>
    </Section>
  );
}

function DecisionRow({ approval }: { approval: Approval }) {
  const { plan } = approval;
  return (
    <Row>
      <Link
        to="/approvals/$approval"
        params={{ approval: idOf(approval.name) }}
        className="flex min-w-0 flex-1 items-center gap-2"
      >
        <span className="w-12 shrink-0 font-mono text-muted text-sm">{approval.requestCode}</span>
        <span className="min-w-0 truncate" dir="auto">
          {approval.requestTitle}
        </span>
        <TierBadge tier={approval.tier} />
      </Link>
      {plan && (
        <span className="hidden text-muted text-sm whitespace-nowrap sm:inline">
          +{plan.add} ~{plan.change} −{plan.destroy}
        </span>
      )}
      <span className="text-muted text-sm">
        <RelativeTime time={approval.createTime} />
      </span>
    </Row>
  );
}

function MyRequests() {
  const me = useMe();
  const parent = useParent();
  const mine = me && `requester = ${quoted(me.name)}`;
  const under = useQuery(
    RequestService.method.listRequests,
    { parent, pageSize: SHOWN, filter: allOf(mine, oneOf("state", UNDER_WAY)), includeTotal: true },
    { enabled: me !== undefined },
  );
  const last = useQuery(
    RequestService.method.listRequests,
    { parent, pageSize: 5, filter: allOf(mine, "state != DRAFT") },
    { enabled: me !== undefined },
  );
  return (
    <Section title="My requests" actions={<More to="/requests">All requests</More>}>
      <QueryView query={under} title="Your requests could not be read" lines={3}>
        {({ requests, totalSize }) => {
          const others = (last.data?.requests ?? []).filter(({ name }) => requests.every((one) => one.name !== name));
          if (requests.length === 0 && others.length === 0) {
            return (
              <EmptyState
                action={
                  <Link to="/templates" className={buttonClass("primary")}>
                    Choose a template
                  </Link>
                }
                command="flagstone request create --template config-bundle"
              >
                You have asked for nothing yet. A template makes what it describes, the right people approve the exact
                plan, and it can be changed and destroyed from here.
              </EmptyState>
            );
          }
          return (
            <Rows>
              {[...requests, ...others].map((request) => (
                <RequestRow key={request.name} request={request} />
              ))}
              {totalSize > requests.length && (
                <li className="py-2 text-muted text-sm">
                  {count(totalSize - requests.length, "more request")} under way.
                </li>
              )}
            </Rows>
          );
        }}
      </QueryView>
    </Section>
  );
}

/** What a request waits for, in a few words. */
const WAITS: Partial<Record<RequestState, string>> = {
  [RequestState.DRAFT]: "not sent yet",
  [RequestState.PENDING_APPROVAL]: "waits for people",
  [RequestState.APPROVED]: "waits for a runner",
  [RequestState.FAILED]: "retry or cancel it",
};

function RequestRow({ request }: { request: Request }) {
  return (
    <Row>
      <Link to="/requests/$code" params={{ code: request.code }} className="flex min-w-0 flex-1 items-center gap-2">
        <span className="w-12 shrink-0 font-mono text-muted text-sm">{request.code}</span>
        <span className="min-w-0 truncate" dir="auto">
          {request.title}
        </span>
        <span className="hidden sm:inline">
          <TierBadge tier={request.tier} />
        </span>
      </Link>
      <span className="hidden text-muted text-sm whitespace-nowrap md:inline">{WAITS[request.state]}</span>
      <StateBadge kind="request" state={request.state} />
      <span className="w-20 shrink-0 text-right text-muted text-sm">
        <RelativeTime time={request.updateTime} />
      </span>
    </Row>
  );
}

function FailedJobs() {
  const jobs = useQuery(JobService.method.listJobs, {
    filter: "state = FAILED OR state = DEAD_LETTERED",
    pageSize: 5,
  });
  return (
    <Section title="Failed lately" actions={<More to="/admin/jobs">All failed jobs</More>}>
      <QueryView query={jobs} title="The jobs could not be read" lines={2}>
        {({ jobs: found }) =>
          found.length === 0 ? (
            <p className="text-muted">No job has failed.</p>
          ) : (
            <Rows>
              {found.map((job) => (
                <Row key={job.name}>
                  <Link
                    to="/jobs/$job"
                    params={{ job: idOf(job.name) }}
                    className="flex min-w-0 flex-1 items-center gap-2"
                  >
                    <StateBadge kind="job" state={job.state} />
                    <span className="shrink-0 font-medium">{idOf(job.deployment)}</span>
                    <span className="min-w-0 truncate text-muted">{job.error?.message}</span>
                  </Link>
                  <span className="w-20 shrink-0 text-right text-muted text-sm">
                    <RelativeTime time={job.endTime} />
                  </span>
                </Row>
              ))}
            </Rows>
          )
        }
      </QueryView>
    </Section>
  );
}

const TIERS = [Tier.PRODUCTION, Tier.STAGING, Tier.DEVELOPMENT];

function Deployments() {
  return (
    <Section title="Deployments" actions={<More to="/deployments">All deployments</More>}>
      <ul className="border-line border-t">
        {TIERS.map((tier) => (
          <TierRow key={tier} tier={tier} />
        ))}
      </ul>
    </Section>
  );
}

function TierRow({ tier }: { tier: Tier }) {
  const parent = useParent();
  const inTier = `tier = ${Tier[tier]}`;
  const method = DeploymentService.method.listDeployments;
  const there = useQuery(method, {
    parent,
    pageSize: 1,
    includeTotal: true,
    filter: allOf(inTier, "state != DELETED", "state != PENDING"),
  });
  const failed = useQuery(method, {
    parent,
    pageSize: 1,
    includeTotal: true,
    filter: allOf(inTier, oneOf("state", ["FAILED", "DELETE_FAILED"])),
  });
  const number = there.data?.totalSize;
  return (
    <li className="flex h-9 items-center justify-between border-line border-b">
      <TierBadge tier={tier} />
      <span className="flex items-center gap-3 tabular-nums">
        {(failed.data?.totalSize ?? 0) > 0 && (
          <span className="text-failed text-sm">{formatNumber(failed.data?.totalSize ?? 0)} failed</span>
        )}
        {number === undefined ? "…" : formatNumber(number)}
        <span className="sr-only">deployments in {tierWord(tier)}</span>
      </span>
    </li>
  );
}

function Recommended() {
  const templates = useQuery(TemplateService.method.listTemplates, { filter: "recommended = true", pageSize: 6 });
  if (!templates.data?.templates.length) return null;
  return (
    <Section title="Recommended templates" actions={<More to="/templates">All templates</More>}>
      <ul className="border-line border-t">
        {templates.data.templates.map((template) => (
          <li key={template.name} className="border-line border-b">
            <Link
              to="/templates/$template"
              params={{ template: idOf(template.name) }}
              className="flex h-9 items-center justify-between gap-2 hover:bg-hover"
            >
              <span className="truncate">{template.displayName}</span>
              <span className="shrink-0 text-muted text-sm">{template.category}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  );
}
