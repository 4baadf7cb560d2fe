// What the platform says about a request while it is written: beside the form, below it on a phone.

import { CircleCheck, CircleDashed, LoaderCircle } from "lucide-react";
import type { FieldProblem } from "~/api/errors";
import { RequiredApprovals } from "~/components/approval/required-approvals";
import { ErrorNotice } from "~/components/error-notice";
import { Facts } from "~/components/page";
import { PolicyResults } from "~/components/policy-results";
import { count, formatDuration } from "~/lib/format";
import type { Preview } from "~/lib/use-preview";

export interface VerdictPanelProps {
  preview: Preview;
  /** Everything that stands in the way, by client and server. */
  problems: readonly FieldProblem[];
  problemLink: (problem: FieldProblem) => React.ReactNode;
  /** Nothing can be asked before the unit is known. */
  isAskable: boolean;
}

export function VerdictPanel({ preview, problems, problemLink, isAskable }: VerdictPanelProps) {
  const { answer, error, isChecking, retry } = preview;
  const tags = Object.entries(answer?.effectiveTags ?? {}).sort(([a], [b]) => a.localeCompare(b, "en"));
  return (
    <aside aria-label="Verdict" className="flex flex-col gap-4 rounded-md border border-line bg-surface p-4">
      <Heading isChecking={isChecking && isAskable} isReady={problems.length === 0 && answer?.valid === true} />
      {error != null && <ErrorNotice error={error} title="The verdict could not be read" onRetry={retry} />}
      {!isAskable && <p className="text-muted">Choose a business unit to see what its policies say.</p>}
      {problems.length > 0 && (
        <section aria-label="Still to do" className="flex flex-col gap-1">
          <h3 className="font-semibold">{count(problems.length, "thing")} still to do</h3>
          <ul className="flex flex-col gap-1">
            {problems.slice(0, 12).map((problem) => (
              <li key={problem.field + problem.message} className="flex items-start gap-2">
                <CircleDashed aria-hidden className="mt-0.5 size-4 shrink-0 text-waiting" />
                <span className="min-w-0">{problemLink(problem)}</span>
              </li>
            ))}
          </ul>
          {problems.length > 12 && <p className="text-muted">And {count(problems.length - 12, "more", "more")}.</p>}
        </section>
      )}
      {answer && (
        <>
          <section aria-label="Policies" className="flex flex-col gap-1">
            <h3 className="font-semibold">Policies</h3>
            <PolicyResults results={answer.policyResults} />
          </section>
          <section aria-label="Approvals" className="flex flex-col gap-1">
            <h3 className="font-semibold">Who will have to approve</h3>
            {answer.approvals.length > 0 ? (
              <RequiredApprovals approvals={answer.approvals} />
            ) : (
              <p className="text-muted">Known once everything is filled in.</p>
            )}
          </section>
          <Facts
            facts={[
              answer.estimatedDuration && ["Usually takes", formatDuration(answer.estimatedDuration)],
              tags.length > 0 && [
                "Carries the tags",
                <ul key="tags" className="flex flex-wrap gap-1">
                  {tags.map(([key, value]) => (
                    <li
                      key={key}
                      className="max-w-full truncate rounded-sm bg-sunken px-1.5"
                      title={`${key}: ${value}`}
                    >
                      <code>{key}</code> <span dir="auto">{value}</span>
                    </li>
                  ))}
                </ul>,
              ],
            ]}
          />
        </>
      )}
    </aside>
  );
}

function Heading({ isChecking, isReady }: { isChecking: boolean; isReady: boolean }) {
  return (
    <div className="flex min-h-5 items-center justify-between gap-2">
      <h2 className="font-semibold text-lg">What the platform says</h2>
      <span role="status" className="inline-flex items-center gap-1 text-muted text-sm">
        {isChecking ? (
          <>
            <LoaderCircle aria-hidden className="size-3.5 animate-spin" />
            Checking
          </>
        ) : (
          isReady && (
            <>
              <CircleCheck aria-hidden className="size-3.5 text-succeeded" />
              Can be ordered
            </>
          )
        )}
      </span>
    </div>
  );
}
