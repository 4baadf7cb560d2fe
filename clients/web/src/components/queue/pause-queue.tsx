import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import type { JobQueue } from "~/gen/flagstone/v1/job_service_pb";
import { QueueService } from "~/gen/flagstone/v1/queue_service_pb";
import { Field, Input } from "~/ui/field";

interface PauseQueueProps {
  queue: JobQueue;
  name: string;
  onClose: () => void;
  onDone: () => void;
}

/** Asks why a queue is paused: whoever waits reads it. */
export function PauseQueue({ queue, name, onClose, onDone }: PauseQueueProps) {
  const [reason, setReason] = useState("");
  return (
    <MutationDialog
      title={`Pause ${name}`}
      description="No more jobs of it are handed out. What runs goes on, and jobs are enqueued as before."
      action="Pause queue"
      busy="Pausing it"
      failure="The queue was not paused"
      method={QueueService.method.pauseQueue}
      call={(ids) => ({ queue, reason: reason.trim(), ...ids })}
      refreshes={["job"]}
      onClose={onClose}
      onDone={onDone}
    >
      {(errorsOf) => (
        <Field label="Reason" help="Whoever waits for a job reads it." errors={errorsOf("reason")}>
          {(control) => (
            <Input {...control} value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
          )}
        </Field>
      )}
    </MutationDialog>
  );
}
