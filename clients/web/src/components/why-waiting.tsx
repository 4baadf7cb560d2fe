// Why something waits, in words: what is in the way, what removes it, and who may.

import { useQuery } from "@connectrpc/connect-query";
import {
  CirclePause,
  FilePen,
  Hand,
  Hourglass,
  LoaderCircle,
  type LucideIcon,
  ServerOff,
  TriangleAlert,
} from "lucide-react";
import { useState } from "react";
import { Approvers } from "~/components/approval/approvers";
import { type Blocker, BlockerKind, RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { cn } from "~/lib/cn";
import { usePermissions } from "~/lib/me";
import { ErrorNotice } from "./error-notice";
import { RelativeTime } from "./relative-time";
import { ResourceName } from "./resource-name";

/** Runners come and go without any change of what waits for them: asked again this often while something waits. */
const ASK_AGAIN = 5_000;

interface Look {
  icon: LucideIcon;
  classes: string;
}

const WAITING: Look = { icon: Hourglass, classes: "bg-waiting-soft text-waiting" };
const RUNNING: Look = { icon: LoaderCircle, classes: "bg-running-soft text-running" };
const LOOKS: Partial<Record<BlockerKind, Look>> = {
  [BlockerKind.DRAFT]: { icon: FilePen, classes: "bg-sunken text-muted" },
  [BlockerKind.PLAN_RUNNING]: RUNNING,
  [BlockerKind.APPLY_RUNNING]: RUNNING,
  [BlockerKind.APPROVAL]: { icon: Hand, classes: "bg-person-soft text-person" },
  [BlockerKind.NO_RUNNER]: { icon: ServerOff, classes: "bg-waiting-soft text-waiting" },
  [BlockerKind.NO_ENGINE]: { icon: ServerOff, classes: "bg-waiting-soft text-waiting" },
  [BlockerKind.QUEUE_PAUSED]: { icon: CirclePause, classes: "bg-person-soft text-person" },
  [BlockerKind.DEAD_LETTER]: { icon: TriangleAlert, classes: "bg-failed-soft text-failed" },
  [BlockerKind.FAILED]: { icon: TriangleAlert, classes: "bg-failed-soft text-failed" },
};

/** The server speaks of calls; here they are buttons. */
const BUTTONS: Record<string, string> = {
  SubmitRequest: "Submit request",
  CancelRequest: "Cancel request",
  RetryRequest: "Retry request",
  ApproveApproval: "Approve plan",
  CancelJob: "Cancel job",
  ReplayJob: "Replay job",
  RunJobNow: "Run now",
  ResumeQueue: "Resume",
};

/** The server's words with the names that people see here. */
function spoken(text: string): string {
  return text
    .replace(/\b[A-Z][a-z]+[A-Z][A-Za-z]+\b/g, (call) => {
      const button = Object.hasOwn(BUTTONS, call) ? BUTTONS[call] : undefined;
      return button ? `“${button}”` : call;
    })
    .replace(/`([^`]*)`/g, "“$1”")
    .replace(/\b(?:roles|users|runners)\/(?=[a-z0-9])/g, "");
}

export interface WhyWaitingProps {
  name: string;
  /** The object's state, where the page follows it: what was said of an earlier state is not shown in a later one. */
  state?: number;
}

/** Why a request, an approval or a job waits; nothing where it does not. */
export function WhyWaiting({ name, state }: WhyWaitingProps) {
  const [entered, setEntered] = useState({ state, at: 0 });
  if (entered.state !== state) setEntered({ state, at: Date.now() });
  const query = useQuery(
    RequestService.method.explainPending,
    { name },
    { refetchInterval: ({ state }) => ((state.data?.blockers.length ?? 0) > 0 ? ASK_AGAIN : false) },
  );
  if (!query.data) {
    return query.error ? <ErrorNotice error={query.error} title="Why it waits could not be read" /> : null;
  }
  if (query.data.blockers.length === 0 || query.dataUpdatedAt < entered.at) return null;
  return (
    <ul aria-label="Why it waits" className="flex flex-col gap-2">
      {query.data.blockers.map((blocker) => (
        <BlockerItem key={`${blocker.kind}/${blocker.object}`} blocker={blocker} />
      ))}
    </ul>
  );
}

function BlockerItem({ blocker: { kind, message, remedy, object, who, since, until } }: { blocker: Blocker }) {
  const { icon: Icon, classes } = LOOKS[kind] ?? WAITING;
  return (
    <li className={cn("flex items-start gap-2 rounded-md px-3 py-2", classes)}>
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="flex min-w-0 flex-col gap-0.5 text-ink">
        <p className="font-medium" dir="auto">
          {spoken(message)}
        </p>
        <p dir="auto">{spoken(remedy)}</p>
        <p className="flex flex-wrap gap-x-4 text-muted text-sm">
          {since && (
            <span>
              Since <RelativeTime time={since} />
            </span>
          )}
          {until && (
            <span>
              Ends by itself <RelativeTime time={until} />
            </span>
          )}
          {/* The message of an approval names them already. */}
          {who.length > 0 && kind !== BlockerKind.APPROVAL && (
            <span>
              Who may: <Approvers names={who} />
            </span>
          )}
          <ObjectLink name={object} />
        </p>
      </div>
    </li>
  );
}

/** The object in the way, for those who may open it. */
function ObjectLink({ name }: { name: string }) {
  const { holds } = usePermissions();
  const [collection = ""] = name.split("/");
  const found = Object.hasOwn(OBJECTS, collection) ? OBJECTS[collection] : undefined;
  if (!found || !holds(found.permission)) return null;
  return <ResourceName name={name}>{found.label}</ResourceName>;
}

const OBJECTS: Record<string, { label: string; permission: string }> = {
  approvals: { label: "Open the approval", permission: "business_unit:approvals:list" },
  jobs: { label: "Open the job", permission: "business_unit:jobs:read" },
};
