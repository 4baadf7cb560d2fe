import { Notice } from "~/components/notice";
import { Button } from "~/ui/button";
import type { StepProps } from "./steps";

/** Whether a runner is there: seen by the server, nothing to fill in. */
export function RunnerStep({ isDone, onLook, isLooking }: StepProps) {
  return (
    <div className="flex flex-col gap-4">
      {isDone ? (
        <Notice kind="success">A runner was seen within the last minutes. It takes work.</Notice>
      ) : (
        <Notice title="No runner was seen lately">
          The server starts one of its own unless it was told not to. Add another at Administration, Runners, or look
          into the server’s log for the word runner.
        </Notice>
      )}
      <div>
        <Button busy={isLooking && "Looking"} onClick={onLook}>
          Look again
        </Button>
      </div>
    </div>
  );
}
