import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { StateBadge } from "~/components/state-badge";
import { JobKind, JobService } from "~/gen/flagstone/v1/job_service_pb";
import type { Request } from "~/gen/flagstone/v1/request_service_pb";
import { quoted } from "~/lib/filter";
import { sentence } from "~/lib/format";
import { usePermissions } from "~/lib/me";
import { idOf, unitOf } from "~/lib/names";

/** The jobs that work or worked for a request. */
export function useRequestJobs({ name, jobs }: Request) {
  const { holds } = usePermissions();
  const enabled = jobs.length > 0 && holds("business_unit:jobs:list", `businessUnits/${unitOf(name)}`);
  return useQuery(
    JobService.method.listJobs,
    { filter: `subject = ${quoted(name)}`, orderBy: "create_time", pageSize: 50 },
    { enabled },
  );
}

export function RequestJobs({ request }: { request: Request }) {
  const query = useRequestJobs(request);
  if (query.isPending && query.fetchStatus === "idle") return null;
  return (
    <Section title="Jobs">
      <QueryView query={query} title="The jobs could not be read" lines={2}>
        {({ jobs }) => (
          <ul className="flex flex-col gap-1.5">
            {jobs.map(({ name, kind, state, createTime }) => (
              <li key={name} className="flex items-center gap-2">
                <Link
                  to="/jobs/$job"
                  params={{ job: idOf(name) }}
                  className="text-accent-strong hover:underline"
                  title={name}
                >
                  {sentence(JobKind[kind] ?? "job")}
                </Link>
                <StateBadge kind="job" state={state} />
                <span className="ml-auto text-muted text-sm">
                  <RelativeTime time={createTime} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </QueryView>
    </Section>
  );
}
