import { RotateCcw } from "lucide-react";
import { useJobRequest } from "~/api/use-job";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { RiskyButton } from "~/components/risky-button";
import { type Job, JobKind, JobService } from "~/gen/flagstone/v1/job_service_pb";
import { useMe, usePermissions } from "~/lib/me";

const REPLAY = "business_unit:jobs:replay";

/** Puts a dead letter back into the line, after its dry run. */
export function ReplayJob({ job }: { job: Job }) {
  const me = useMe();
  const request = useJobRequest(job);
  const { holds } = usePermissions();
  const checks = useChecks([{ permission: REPLAY, object: job.name }]);
  // A job is one's own with the request it works for, whoever started it.
  const isOwn = me !== undefined && request?.requester === me.name && holds("user:jobs:replay:own", job.businessUnit);
  const denied = isOwn ? undefined : checks.reason(REPLAY, job.name);
  const reason =
    job.kind === JobKind.APPLY ? "An apply is never run again: retry its request, which is planned anew." : denied;
  return (
    <>
      <RiskyButton
        variant="primary"
        icon={<RotateCcw aria-hidden className="size-4" />}
        reason={reason}
        title="Replay this job?"
        description="It goes back into the line with all of its attempts, and its request waits for it again. Nothing that is deployed changes by that alone."
        action="Replay job"
        busy="Replaying the job"
        method={JobService.method.replayJob}
        call={(ids) => ({ name: job.name, etag: job.etag, ...ids })}
        refreshes={["job", "request"]}
      >
        Replay job
      </RiskyButton>
      {denied && <WhyNot permission={REPLAY} object={job.name} action="replay this job" />}
    </>
  );
}
