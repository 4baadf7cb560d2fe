import { Play } from "lucide-react";
import { useChecks } from "~/components/access/use-checks";
import { type Column, DataTable } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { RiskyButton } from "~/components/risky-button";
import { QueueService, type Schedule, ScheduleOutcome } from "~/gen/flagstone/v1/queue_service_pb";
import { cn } from "~/lib/cn";
import { formatMillis, sentence } from "~/lib/format";
import { usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";

const RUN = "platform:schedules:run";

const titleOf = ({ name }: Schedule) => sentence(idOf(name).replaceAll("-", "_").toUpperCase());

function Outcome({ schedule: { running, lastOutcome, lastError } }: { schedule: Schedule }) {
  const [word, classes] = running
    ? ["Runs", "bg-running-soft text-running"]
    : lastOutcome === ScheduleOutcome.FAILED
      ? ["Failed", "bg-failed-soft text-failed"]
      : lastOutcome === ScheduleOutcome.SUCCEEDED
        ? ["Succeeded", "bg-succeeded-soft text-succeeded"]
        : ["Not yet", "bg-sunken text-muted"];
  return (
    <span
      className={cn("inline-flex h-5 items-center whitespace-nowrap rounded-sm px-1.5 font-medium text-sm", classes)}
      title={lastError}
    >
      {word}
    </span>
  );
}

const what = (schedule: Schedule) => (
  <span className="block min-w-0" title={schedule.lastError || schedule.description}>
    <span className="font-medium">{titleOf(schedule)}</span>{" "}
    <span className="text-muted text-sm">{schedule.lastError || schedule.description}</span>
  </span>
);
const every = ({ interval }: Schedule) => formatMillis(Number(interval?.seconds ?? 0n) * 1_000);

/** What the servers do by themselves, and when. */
export function ScheduleList({ schedules, onChange }: { schedules: readonly Schedule[]; onChange: () => void }) {
  const { holds } = usePermissions();
  // Only operators of the installation run them: to others the button would promise what is never theirs.
  const mayRun = holds(RUN);
  const reason = useChecks(mayRun ? [{ permission: RUN, object: "" }] : []).reason(RUN, "");
  const action = (schedule: Schedule) => (
    <RiskyButton
      size="sm"
      icon={<Play aria-hidden className="size-4" />}
      reason={reason ?? (schedule.running ? "It runs now." : undefined)}
      label={`Run ${titleOf(schedule)} now`}
      title={`Run ${titleOf(schedule)} now?`}
      description={schedule.description}
      action="Run schedule"
      busy="Starting it"
      method={QueueService.method.runSchedule}
      call={(ids) => ({ name: schedule.name, ...ids })}
      refreshes={[]}
      onDone={onChange}
    >
      Run now
    </RiskyButton>
  );
  const columns: readonly Column<Schedule>[] = [
    { id: "what", header: "Schedule", cell: what },
    { id: "every", header: "Every", width: "76px", align: "end", from: "md", cell: every },
    { id: "outcome", header: "Last result", width: "104px", cell: (schedule) => <Outcome schedule={schedule} /> },
    {
      id: "last",
      header: "Last",
      width: "112px",
      cell: ({ lastTickTime }) => <RelativeTime time={lastTickTime} absent="Not yet" />,
    },
    { id: "next", header: "Next", width: "112px", cell: ({ nextTickTime }) => <RelativeTime time={nextTickTime} /> },
    ...(mayRun ? [{ id: "action", header: "Action", width: "112px", align: "end" as const, cell: action }] : []),
  ];
  const compact = (schedule: Schedule) => ({
    first: (
      <>
        <span className="font-medium">{titleOf(schedule)}</span>
        <Outcome schedule={schedule} />
      </>
    ),
    second: (
      <>
        <span>
          next <RelativeTime time={schedule.nextTickTime} />
        </span>
        {mayRun && action(schedule)}
      </>
    ),
  });
  return (
    <DataTable
      label="Schedules"
      rows={schedules}
      columns={columns}
      compact={compact}
      rowKey={({ name }) => name}
      keys={false}
    />
  );
}
