import { ChevronsUp } from "lucide-react";
import { useChecks } from "~/components/access/use-checks";
import { RiskyButton } from "~/components/risky-button";
import type { Job } from "~/gen/flagstone/v1/job_service_pb";
import { QueueService } from "~/gen/flagstone/v1/queue_service_pb";
import { usePermissions } from "~/lib/me";

const MANAGE = "platform:queues:manage";

/** Puts a waiting job before all others. Shown to those who run the queues: to others it is nothing they miss. */
export function RunJobNow({ job }: { job: Job }) {
  const { holds } = usePermissions();
  const mayManage = holds(MANAGE);
  const reason = useChecks(mayManage ? [{ permission: MANAGE, object: "" }] : []).reason(MANAGE, "");
  if (!mayManage) return null;
  return (
    <RiskyButton
      icon={<ChevronsUp aria-hidden className="size-4" />}
      reason={reason}
      title="Run this job now?"
      description="It goes before all other jobs of the organization, also out of a paused queue. It still waits for a runner, and for another job of the same deployment."
      action="Run now"
      busy="Putting it first"
      method={QueueService.method.runJobNow}
      call={(ids) => ({ name: job.name, ...ids })}
      refreshes={["job"]}
    >
      Run now
    </RiskyButton>
  );
}
