// The steps of a job, from what its log and its progress say.

import { JobState } from "~/gen/flagstone/v1/job_service_pb";
import type { Run } from "./log-outline";

export type StepState = "done" | "running" | "failed" | "stopped";

export interface JobStep {
  run: Run;
  state: StepState;
  /** Milliseconds; up to now where it runs. */
  took: number;
}

/** True where nothing more will happen to it. */
export function isOver(state: JobState): boolean {
  return [JobState.SUCCEEDED, JobState.FAILED, JobState.DEAD_LETTERED, JobState.CANCELLED].includes(state);
}

/** Each step with how it went. `now` and `end` are milliseconds, `end` that of the job where it is over. */
export function stepsOf(runs: readonly Run[], state: JobState, now: number, end: number | undefined): JobStep[] {
  return runs.map((run, index) => {
    const next = runs[index + 1];
    // A step lasts until the next one of its attempt says something.
    if (next?.attempt === run.attempt) return { run, state: "done", took: next.start - run.start };
    // An attempt was followed by another one because this step failed.
    if (next) return { run, state: "failed", took: run.end - run.start };
    return { run, state: lastState(state), took: Math.max(0, (end ?? now) - run.start) };
  });
}

/** How the step stands that the log ends with. */
function lastState(state: JobState): StepState {
  switch (state) {
    case JobState.SUCCEEDED:
      return "done";
    case JobState.FAILED:
    case JobState.DEAD_LETTERED:
    case JobState.RETRY_WAIT:
    // It waits for another runner after an attempt that failed.
    case JobState.QUEUED:
      return "failed";
    case JobState.CANCELLED:
      return "stopped";
    default:
      return "running";
  }
}
