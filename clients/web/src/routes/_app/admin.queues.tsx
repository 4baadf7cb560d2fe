import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useLive } from "~/api/live";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { Page, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { BulkResults, type JobsDone } from "~/components/queue/bulk-results";
import { QueueList } from "~/components/queue/queue-list";
import { ScheduleList } from "~/components/queue/schedule-list";
import { RiskyButton } from "~/components/risky-button";
import { QueueService } from "~/gen/flagstone/v1/queue_service_pb";
import { usePermissions } from "~/lib/me";

export const Route = createFileRoute("/_app/admin/queues")({ component: Queues });

const READ = "platform:queues:read";
const MANAGE = "platform:queues:manage";
const SCHEDULES = "platform:schedules:read";
const ICON = { "aria-hidden": true, className: "size-4" } as const;

/** Ages grow and others' pauses are in nothing that can be watched: asked again this often. */
const ASK_AGAIN = 5_000;

function Queues() {
  const { holds, known } = usePermissions();
  useLive({ types: ["job"] });
  return (
    <Page
      title="Queues"
      lead="The lines in which the jobs of this organization wait for a runner. Organizations take turns: none waits for the whole line of another."
      crumbs={[{ to: "/admin", label: "Administration" }]}
    >
      {(holds(READ) || !holds(SCHEDULES)) && <Lines />}
      {known && holds(SCHEDULES) && <Schedules />}
    </Page>
  );
}

function Lines() {
  const query = useQuery(QueueService.method.listQueues, {}, { refetchInterval: ASK_AGAIN });
  const reason = useChecks([{ permission: MANAGE, object: "" }]).reason(MANAGE, "");
  const [done, setDone] = useState<JobsDone>();
  const refresh = () => void query.refetch();
  return (
    <Section
      title="Lines"
      actions={
        <>
          {reason && <WhyNot permission={MANAGE} object="" action="manage the queues" />}
          <RiskyButton
            size="sm"
            icon={<RotateCcw {...ICON} />}
            reason={reason}
            title="Replay the dead letters?"
            description="The oldest dead letters, at most 100, go back into the line. One whose request has moved on is left as it is."
            action="Retry failed jobs"
            busy="Replaying them"
            method={QueueService.method.retryFailedJobs}
            call={(ids) => ids}
            refreshes={["job", "request"]}
            onDone={({ results, more }) => {
              setDone({ verb: "replayed", results, more });
              refresh();
            }}
          >
            Retry failed
          </RiskyButton>
          <RiskyButton
            size="sm"
            variant="danger"
            icon={<Trash2 {...ICON} />}
            reason={reason}
            title="Delete the failed jobs?"
            description="The oldest failed jobs and dead letters, at most 100, go for good with their logs."
            confirmText="purge"
            action="Purge failed jobs"
            busy="Deleting them"
            method={QueueService.method.purgeFailedJobs}
            call={(ids) => ids}
            refreshes={["job"]}
            onDone={({ results, more }) => {
              setDone({ verb: "deleted", results, more });
              refresh();
            }}
          >
            Purge failed
          </RiskyButton>
        </>
      }
    >
      {done && <BulkResults done={done} onClose={() => setDone(undefined)} />}
      <QueryView query={query} title="The queues could not be read" lines={4}>
        {({ queues }) => <QueueList queues={queues} reason={reason} onChange={refresh} />}
      </QueryView>
    </Section>
  );
}

function Schedules() {
  const query = useQuery(QueueService.method.listSchedules, {}, { refetchInterval: ASK_AGAIN });
  return (
    <Section title="Schedules">
      <p className="text-muted text-sm">
        What the servers of this installation do by themselves, once for each tick however many of them run.
      </p>
      <QueryView query={query} title="The schedules could not be read" lines={6}>
        {({ schedules }) => <ScheduleList schedules={schedules} onChange={() => void query.refetch()} />}
      </QueryView>
    </Section>
  );
}
