import {
  Ban,
  CircleCheck,
  CircleX,
  Cog,
  FilePen,
  Hand,
  History,
  type LucideIcon,
  Pencil,
  Play,
  RotateCcw,
  Send,
} from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import type { TimelineEntry } from "~/gen/flagstone/v1/request_service_pb";
import { cn } from "~/lib/cn";
import { count } from "~/lib/format";
import { usePermissions } from "~/lib/me";
import { eventWords, foldSteps } from "~/lib/timeline";

const LOOKS: Record<string, [LucideIcon, string]> = {
  drafted: [FilePen, "text-muted"],
  submitted: [Send, "text-muted"],
  changed: [Pencil, "text-waiting"],
  plan_stale: [RotateCcw, "text-waiting"],
  plan_void: [RotateCcw, "text-waiting"],
  plan_tampered: [RotateCcw, "text-failed"],
  approval_opened: [Hand, "text-person"],
  decided: [CircleCheck, "text-person"],
  approved: [CircleCheck, "text-succeeded"],
  rejected: [CircleX, "text-failed"],
  expired: [History, "text-muted"],
  cancelled: [Ban, "text-muted"],
  retried: [RotateCcw, "text-muted"],
  apply_started: [Play, "text-running"],
  completed: [CircleCheck, "text-succeeded"],
  failed: [CircleX, "text-failed"],
};

/** What happened, oldest first: who, what, when, why. What the platform did between is folded. */
export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  const items = useMemo(() => foldSteps(entries), [entries]);
  return (
    <ol aria-label="Timeline" className="flex flex-col">
      {items.map((item) =>
        item.kind === "entry" ? (
          <Entry key={item.entry.number} entry={item.entry} />
        ) : (
          <Steps key={item.key} entries={item.entries} />
        ),
      )}
    </ol>
  );
}

function Entry({ entry: { event, principal, comment, object, time } }: { entry: TimelineEntry }) {
  const [icon, classes] = LOOKS[event] ?? [Cog, "text-muted"];
  return (
    <Line icon={icon} classes={classes}>
      <p>
        <span className="font-medium">
          <PrincipalChip name={actorOf(event, principal)} />
        </span>{" "}
        {eventWords(event)}
      </p>
      {comment && (
        <p
          className="my-0.5 max-h-64 overflow-y-auto whitespace-pre-wrap border-line-strong border-l-2 pl-2 text-muted"
          dir="auto"
        >
          {comment}
        </p>
      )}
      <p className="flex flex-wrap gap-x-3 text-muted text-sm">
        <RelativeTime time={time} />
        {object && <ObjectLink name={object} />}
      </p>
    </Line>
  );
}

/** What only a runner can do is its own; everything else that no person did is the platform's, whoever brought it about. */
const OF_RUNNERS = new Set(["planned", "apply_started", "completed", "failed"]);

function actorOf(event: string, principal: string): string {
  return principal.startsWith("runners/") && !OF_RUNNERS.has(event) ? "system" : principal;
}

/** The object an entry came from, by what it is: its id says nothing to people. */
function ObjectLink({ name }: { name: string }) {
  const { holds } = usePermissions();
  const isApproval = name.startsWith("approvals/");
  if (isApproval && !holds("business_unit:approvals:list")) return null;
  return <ResourceName name={name}>{isApproval ? "Approval" : name.startsWith("jobs/") && "Job"}</ResourceName>;
}

function Steps({ entries }: { entries: TimelineEntry[] }) {
  const [open, setOpen] = useState(false);
  if (open) return entries.map((entry) => <Entry key={entry.number} entry={entry} />);
  return (
    <Line icon={Cog} classes="text-muted">
      <button
        type="button"
        aria-expanded={false}
        onClick={() => setOpen(true)}
        className="text-left text-muted hover:text-ink hover:underline"
      >
        {count(entries.length, "step")} by Flagstone: {entries.map(({ event }) => eventWords(event)).join(", ")}
      </button>
    </Line>
  );
}

function Line({ icon: Icon, classes, children }: { icon: LucideIcon; classes: string; children: ReactNode }) {
  return (
    <li className="group relative flex gap-2 pb-3 last:pb-0">
      <span aria-hidden className="absolute top-5 bottom-0 left-[7px] w-px bg-line group-last:hidden" />
      <Icon aria-hidden className={cn("mt-0.5 size-4 shrink-0", classes)} />
      <div className="min-w-0 flex-1">{children}</div>
    </li>
  );
}
