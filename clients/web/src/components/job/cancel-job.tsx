import { useMutation } from "@connectrpc/connect-query";
import { Ban } from "lucide-react";
import { useState } from "react";
import { refreshObjects } from "~/api/queries";
import { useJobRequest } from "~/api/use-job";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { ConfirmRisk } from "~/components/confirm-risk";
import { type Job, JobService, JobState } from "~/gen/flagstone/v1/job_service_pb";
import { isOver } from "~/lib/job-steps";
import { useMe, usePermissions } from "~/lib/me";
import { useRegisterActions } from "~/lib/shortcuts";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";

const WHAT_HAPPENS: Partial<Record<JobState, string>> = {
  [JobState.RUNNING]:
    "The engine is asked to stop, and is stopped where it does not. What it has changed by then stays.",
  [JobState.QUEUED]: "It has not begun: nothing is changed.",
};

/** Asks for the end of a job, after its dry run. */
export function CancelJob({ job }: { job: Job }) {
  const [open, setOpen] = useState(false);
  const { reason, isDenied } = useReason(job);
  const requestId = useRequestId([job.name, job.etag]);
  const dryRun = useMutation(JobService.method.cancelJob);
  const cancel = useMutation(JobService.method.cancelJob, {
    onSuccess: () => {
      requestId.renew();
      setOpen(false);
      refreshObjects(["job"]);
    },
  });
  const look = () => dryRun.mutate({ name: job.name, requestId: crypto.randomUUID(), validateOnly: true });
  const begin = () => {
    cancel.reset();
    look();
    setOpen(true);
  };
  useRegisterActions(reason ? [] : [{ label: "Cancel job", group: "Job", run: begin }]);
  return (
    <>
      <Button icon={<Ban aria-hidden className="size-4" />} onClick={begin} reason={reason}>
        Cancel job
      </Button>
      {isDenied && <WhyNot permission={CANCEL} object={job.name} action="cancel this job" />}
      <ConfirmRisk
        open={open}
        onOpenChange={setOpen}
        title="Cancel this job?"
        description={reason ?? WHAT_HAPPENS[job.state] ?? "Nothing of it runs: it is over at once."}
        reason={reason}
        action="Cancel job"
        effects={dryRun.data?.effects}
        // No etag: progress changes the job many times a second, and what is meant stays the same.
        onConfirm={() => cancel.mutate({ name: job.name, requestId: requestId.id })}
        busy={cancel.isPending && "Cancelling the job"}
        error={cancel.error ?? dryRun.error}
        onRetry={cancel.error ? undefined : look}
      />
    </>
  );
}

const CANCEL = "business_unit:jobs:cancel";

/** Why it cannot be cancelled now, and whether that is because the caller may not. */
function useReason(job: Job): { reason: string | undefined; isDenied: boolean } {
  const me = useMe();
  const request = useJobRequest(job);
  const { holds } = usePermissions();
  const checks = useChecks(isOver(job.state) ? [] : [{ permission: CANCEL, object: job.name }]);
  if (isOver(job.state)) return { reason: "This job is over.", isDenied: false };
  if (job.state === JobState.CANCELLING) return { reason: "Its end was asked for already.", isDenied: false };
  // A job is one's own with the request it works for, whoever started it.
  const isOwn = me !== undefined && request?.requester === me.name;
  const mine = isOwn && holds("user:jobs:cancel:own", job.businessUnit);
  const reason = mine ? undefined : checks.reason(CANCEL, job.name);
  return { reason, isDenied: reason !== undefined };
}
