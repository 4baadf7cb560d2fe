import { Link } from "@tanstack/react-router";
import { CirclePause, CirclePlay } from "lucide-react";
import { useState } from "react";
import { type Column, DataTable } from "~/components/list/data-table";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { RiskyButton } from "~/components/risky-button";
import { JobQueue } from "~/gen/flagstone/v1/job_service_pb";
import { type Queue, QueueService } from "~/gen/flagstone/v1/queue_service_pb";
import { formatNumber, sentence } from "~/lib/format";
import { Button } from "~/ui/button";
import { PauseQueue } from "./pause-queue";

const wordOf = ({ queue }: Queue) => JobQueue[queue] ?? "";
const nameOf = (queue: Queue) => sentence(wordOf(queue));

function State({ queue: { pause } }: { queue: Queue }) {
  if (!pause) return <span className="text-muted">Runs</span>;
  return (
    <span className="inline-flex min-w-0 flex-wrap items-center gap-x-1.5" title={pause.reason}>
      <span className="rounded-sm bg-person-soft px-1.5 font-medium text-person text-sm">Paused</span>
      <PrincipalChip name={pause.principal} />
      <RelativeTime time={pause.time} />
      {pause.reason && <span className="truncate text-muted text-sm">{pause.reason}</span>}
    </span>
  );
}

function Count({ number, queue, state, label }: { number: number; queue: Queue; state: string; label: string }) {
  if (number === 0) return <span className="text-muted tabular-nums">0</span>;
  return (
    <Link
      to="/jobs"
      search={{ state, queue: wordOf(queue) }}
      aria-label={`${formatNumber(number)} ${label} in ${nameOf(queue)}`}
      className="text-accent-strong tabular-nums hover:underline"
    >
      {formatNumber(number)}
    </Link>
  );
}

interface QueueListProps {
  queues: readonly Queue[];
  /** Why they cannot be managed. */
  reason: string | undefined;
  onChange: () => void;
}

/** The queues in the order of claiming, with what waits in each. */
export function QueueList({ queues, reason, onChange }: QueueListProps) {
  const [pausing, setPausing] = useState<Queue>();
  const action = (queue: Queue) =>
    queue.pause ? (
      <RiskyButton
        size="sm"
        icon={<CirclePlay aria-hidden className="size-4" />}
        reason={reason}
        label={`Resume ${nameOf(queue)}`}
        title={`Resume ${nameOf(queue)}?`}
        description="Its jobs are handed out again, the oldest first."
        action="Resume queue"
        busy="Resuming it"
        method={QueueService.method.resumeQueue}
        call={(ids) => ({ queue: queue.queue, ...ids })}
        refreshes={["job"]}
        onDone={onChange}
      >
        Resume
      </RiskyButton>
    ) : (
      <Button
        size="sm"
        icon={<CirclePause aria-hidden className="size-4" />}
        reason={reason}
        aria-label={`Pause ${nameOf(queue)}`}
        onClick={() => setPausing(queue)}
      >
        Pause
      </Button>
    );
  const columns: readonly Column<Queue>[] = [
    {
      id: "queue",
      header: "Queue",
      width: "92px",
      cell: (queue) => <span className="font-medium">{nameOf(queue)}</span>,
    },
    {
      id: "depth",
      header: "Waiting",
      width: "84px",
      align: "end",
      cell: (queue) => <Count number={queue.depth} queue={queue} state="QUEUED" label="waiting" />,
    },
    {
      id: "oldest",
      header: "Oldest since",
      width: "116px",
      cell: ({ oldestTime }) => <RelativeTime time={oldestTime} absent="None waits" />,
    },
    {
      id: "delayed",
      header: "Delayed",
      width: "84px",
      align: "end",
      from: "lg",
      cell: (queue) => <Count number={queue.delayed} queue={queue} state="RETRY_WAIT" label="delayed" />,
    },
    {
      id: "running",
      header: "Running",
      width: "84px",
      align: "end",
      cell: (queue) => <Count number={queue.running} queue={queue} state="RUNNING,CANCELLING" label="running" />,
    },
    {
      id: "dead",
      header: "Dead letters",
      width: "104px",
      align: "end",
      cell: (queue) => <Count number={queue.deadLetters} queue={queue} state="DEAD_LETTERED" label="dead letters" />,
    },
    { id: "state", header: "State", cell: (queue) => <State queue={queue} /> },
    { id: "action", header: "Action", width: "108px", align: "end", cell: action },
  ];
  const compact = (queue: Queue) => ({
    first: (
      <>
        <span className="font-medium">{nameOf(queue)}</span>
        {action(queue)}
      </>
    ),
    second: (
      <>
        <span>
          <Count number={queue.depth} queue={queue} state="QUEUED" label="waiting" /> waiting
        </span>
        <span>
          <Count number={queue.running} queue={queue} state="RUNNING,CANCELLING" label="running" /> running
        </span>
        <span>
          <Count number={queue.deadLetters} queue={queue} state="DEAD_LETTERED" label="dead letters" /> dead
        </span>
        {queue.pause && <State queue={queue} />}
      </>
    ),
  });
  return (
    <>
      <DataTable label="Queues" rows={queues} columns={columns} compact={compact} rowKey={wordOf} keys={false} />
      {pausing && (
        <PauseQueue
          queue={pausing.queue}
          name={nameOf(pausing)}
          onClose={() => setPausing(undefined)}
          onDone={() => {
            setPausing(undefined);
            onChange();
          }}
        />
      )}
    </>
  );
}
