// Where an object is: a word, a colour and an icon of its own shape, the same on every page.

import {
  Ban,
  CircleCheck,
  CircleDashed,
  CircleX,
  Clock,
  FilePen,
  Hand,
  History,
  LoaderCircle,
  type LucideIcon,
  RotateCcw,
  Trash2,
} from "lucide-react";
import { ApprovalState } from "~/gen/flagstone/v1/approval_service_pb";
import { DeploymentState, RevisionState } from "~/gen/flagstone/v1/deployment_service_pb";
import { EnvironmentState } from "~/gen/flagstone/v1/environment_service_pb";
import { JobState } from "~/gen/flagstone/v1/job_service_pb";
import { RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { WorkspaceStateState } from "~/gen/flagstone/v1/workspace_service_pb";
import { cn } from "~/lib/cn";

export type Tone = "waiting" | "running" | "succeeded" | "failed" | "over" | "person";

export interface Look {
  word: string;
  tone: Tone;
  icon: LucideIcon;
}

const TONES: Record<Tone, string> = {
  waiting: "bg-waiting-soft text-waiting",
  running: "bg-running-soft text-running",
  succeeded: "bg-succeeded-soft text-succeeded",
  failed: "bg-failed-soft text-failed",
  over: "bg-sunken text-muted",
  person: "bg-person-soft text-person",
};

const UNKNOWN: Look = { word: "Unknown", tone: "over", icon: CircleDashed };
const look = (word: string, tone: Tone, icon: LucideIcon): Look => ({ word, tone, icon });

const LOOKS = {
  request: {
    [RequestState.DRAFT]: look("Draft", "over", FilePen),
    [RequestState.PLANNING]: look("Planning", "running", LoaderCircle),
    [RequestState.PENDING_APPROVAL]: look("Needs approval", "person", Hand),
    [RequestState.APPROVED]: look("Approved", "waiting", Clock),
    [RequestState.APPLYING]: look("Applying", "running", LoaderCircle),
    [RequestState.COMPLETED]: look("Completed", "succeeded", CircleCheck),
    [RequestState.REJECTED]: look("Rejected", "failed", CircleX),
    [RequestState.CANCELLED]: look("Cancelled", "over", Ban),
    [RequestState.EXPIRED]: look("Expired", "over", History),
    [RequestState.FAILED]: look("Failed", "failed", CircleX),
  },
  approval: {
    [ApprovalState.PENDING]: look("Needs a decision", "person", Hand),
    [ApprovalState.APPROVED]: look("Approved", "succeeded", CircleCheck),
    [ApprovalState.REJECTED]: look("Rejected", "failed", CircleX),
    [ApprovalState.EXPIRED]: look("Expired", "over", History),
    [ApprovalState.WITHDRAWN]: look("Withdrawn", "over", Ban),
    [ApprovalState.SUPERSEDED]: look("Superseded", "over", RotateCcw),
  },
  deployment: {
    [DeploymentState.PENDING]: look("Pending", "waiting", Clock),
    [DeploymentState.PROVISIONING]: look("Provisioning", "running", LoaderCircle),
    [DeploymentState.ACTIVE]: look("Active", "succeeded", CircleCheck),
    [DeploymentState.UPDATING]: look("Updating", "running", LoaderCircle),
    [DeploymentState.FAILED]: look("Failed", "failed", CircleX),
    [DeploymentState.DELETING]: look("Destroying", "running", LoaderCircle),
    [DeploymentState.DELETE_FAILED]: look("Destroy failed", "failed", CircleX),
    [DeploymentState.DELETED]: look("Destroyed", "over", Trash2),
  },
  revision: {
    [RevisionState.QUEUED]: look("Queued", "waiting", Clock),
    [RevisionState.RUNNING]: look("Running", "running", LoaderCircle),
    [RevisionState.SUCCEEDED]: look("Live", "succeeded", CircleCheck),
    [RevisionState.FAILED]: look("Failed", "failed", CircleX),
    [RevisionState.CANCELLED]: look("Cancelled", "over", Ban),
    [RevisionState.SUPERSEDED]: look("Superseded", "over", RotateCcw),
  },
  job: {
    [JobState.QUEUED]: look("Queued", "waiting", Clock),
    [JobState.RUNNING]: look("Running", "running", LoaderCircle),
    [JobState.RETRY_WAIT]: look("Waits to retry", "waiting", RotateCcw),
    [JobState.CANCELLING]: look("Cancelling", "running", LoaderCircle),
    [JobState.SUCCEEDED]: look("Succeeded", "succeeded", CircleCheck),
    [JobState.FAILED]: look("Failed", "failed", CircleX),
    [JobState.DEAD_LETTERED]: look("Dead letter", "failed", CircleX),
    [JobState.CANCELLED]: look("Cancelled", "over", Ban),
  },
  environment: {
    [EnvironmentState.READY]: look("Ready", "succeeded", CircleCheck),
  },
  workspaceState: {
    [WorkspaceStateState.CURRENT]: look("Current", "succeeded", CircleCheck),
    [WorkspaceStateState.SUPERSEDED]: look("Superseded", "over", RotateCcw),
    [WorkspaceStateState.ORPHANED]: look("Orphaned", "person", Hand),
  },
} satisfies Record<string, Record<number, Look>>;

export type StateKind = keyof typeof LOOKS;

/** How a state of a kind of object looks. */
export function stateLook(kind: StateKind, state: number): Look {
  return (LOOKS[kind] as Record<number, Look>)[state] ?? UNKNOWN;
}

/** Every state of a kind with its word, for filters. */
export function statesOf(kind: StateKind): { state: number; word: string }[] {
  return Object.entries(LOOKS[kind]).map(([state, { word }]) => ({ state: Number(state), word }));
}

export function StateBadge({ kind, state }: { kind: StateKind; state: number }) {
  return <Badge look={stateLook(kind, state)} />;
}

/** A state in a word, a colour and an icon. */
export function Badge({ look: { word, tone, icon: Icon } }: { look: Look }) {
  return (
    <span
      data-state={word}
      className={cn(
        "inline-flex h-5 items-center gap-1 rounded-sm px-1.5 align-bottom font-medium text-sm whitespace-nowrap",
        TONES[tone],
      )}
    >
      <Icon aria-hidden className={cn("size-3.5", tone === "running" && "animate-spin [animation-duration:2.4s]")} />
      {word}
    </span>
  );
}

const ACTIVE = look("Active", "succeeded", CircleCheck);
const INACTIVE = look("Inactive", "over", Ban);

/** Whether somebody, or something that people belong to, can act: a person, a business unit, an organization. */
export function ActivityBadge({ active }: { active: boolean }) {
  return <Badge look={active ? ACTIVE : INACTIVE} />;
}

/** A thin line that moves while something runs. */
export function ProgressLine({ percent, label }: { percent?: number | undefined; label: string }) {
  const known = percent !== undefined && percent > 0;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={known ? percent : undefined}
      className="h-0.5 w-full overflow-hidden bg-running-soft"
    >
      <div
        className={cn("h-full bg-running", known ? "transition-[width]" : "w-2/5 animate-progress")}
        style={known ? { width: `${percent}%` } : undefined}
      />
    </div>
  );
}
