import { Ban, CircleCheck, CircleX, LoaderCircle, type LucideIcon } from "lucide-react";
import type { LogHead } from "~/api/job-log";
import type { Job } from "~/gen/flagstone/v1/job_service_pb";
import { cn } from "~/lib/cn";
import { formatMillis, millis, sentence } from "~/lib/format";
import { isOver, type StepState, stepsOf } from "~/lib/job-steps";
import { runKey } from "~/lib/log-outline";
import { useNow } from "~/lib/use-now";

const LOOKS: Record<StepState, { icon: LucideIcon; word: string; classes: string }> = {
  done: { icon: CircleCheck, word: "done", classes: "text-succeeded" },
  running: { icon: LoaderCircle, word: "running", classes: "text-running animate-spin [animation-duration:2.4s]" },
  failed: { icon: CircleX, word: "failed", classes: "text-failed" },
  stopped: { icon: Ban, word: "stopped", classes: "text-muted" },
};

/** The steps of a job with their times; each leads to its first line of the log. */
export function JobSteps({ job, head, onGo }: { job: Job; head: LogHead; onGo: (line: number) => void }) {
  const over = isOver(job.state);
  const now = useNow(over ? 60_000 : 1_000);
  const steps = stepsOf(head.runs, job.state, now, millis(job.endTime));
  if (steps.length === 0) {
    return <p className="text-muted">{over ? "No step was begun." : "No step has begun."}</p>;
  }
  return (
    <ol className="flex flex-col">
      {steps.map(({ run, state, took }, index) => {
        const { icon: Icon, word, classes } = LOOKS[state];
        const isNewAttempt = run.attempt !== (steps[index - 1]?.run.attempt ?? 1);
        return (
          <li key={runKey(run)}>
            {isNewAttempt && <p className="pt-2 pb-1 text-muted text-sm">Attempt {run.attempt}</p>}
            <button
              type="button"
              onClick={() => onGo(run.first)}
              className="flex h-8 w-full items-center gap-2 rounded-md px-2 text-left hover:bg-hover"
            >
              <Icon aria-hidden className={cn("size-4 shrink-0", classes)} />
              <span className="flex-1 truncate">
                {sentence(run.step || "log")}
                <span className="sr-only">, {word},</span>
              </span>
              <span className="text-muted text-sm tabular-nums">{formatMillis(took)}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
