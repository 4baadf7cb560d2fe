import { X } from "lucide-react";
import { ResourceName } from "~/components/resource-name";
import type { JobResult } from "~/gen/flagstone/v1/job_service_pb";
import { count } from "~/lib/format";
import { idOf } from "~/lib/names";
import { IconButton } from "~/ui/button";

export interface JobsDone {
  /** What was done with them: "replayed". */
  verb: string;
  results: readonly JobResult[];
  /** There are more that were not looked at. */
  more: boolean;
}

/** What became of many jobs: how many were done, and why each of the others was not. */
export function BulkResults({ done: { verb, results, more }, onClose }: { done: JobsDone; onClose: () => void }) {
  const refused = results.filter(({ error }) => error !== undefined);
  return (
    <div role="status" className="flex items-start gap-2 rounded-md bg-sunken px-3 py-2">
      <div className="flex min-w-0 grow flex-col gap-1">
        <p>
          {results.length === 0
            ? `There was nothing to be ${verb}.`
            : `${count(results.length - refused.length, "job")} ${verb}${refused.length > 0 ? `, ${refused.length} left as they are` : ""}.`}
          {more && " There are more: do it again for the next ones."}
        </p>
        {refused.length > 0 && (
          <ul className="flex flex-col gap-1 text-sm">
            {refused.map(({ name, error }) => (
              <li key={name} className="break-words">
                <ResourceName name={name}>
                  <span className="font-mono">{idOf(name).slice(0, 8)}</span>
                </ResourceName>
                <span className="text-muted">: {error?.message}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
      <IconButton label="Close" size="sm" onClick={onClose}>
        <X />
      </IconButton>
    </div>
  );
}
