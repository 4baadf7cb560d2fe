import { Code } from "@connectrpc/connect";
import { CircleAlert, CloudOff, Lock, SearchX } from "lucide-react";
import { ErrorReason, type Problem, problemOf } from "~/api/errors";
import { formatMillis } from "~/lib/format";
import { useWait } from "~/lib/use-wait";
import { Button } from "~/ui/button";
import { Words } from "~/ui/words";
import { WhyDenied } from "./access/why-not";
import { CopyButton } from "./copy-button";

export interface ErrorNoticeProps {
  error: unknown;
  /** What did not work, as the heading: "The request could not be read". */
  title?: string;
  onRetry?: (() => void) | undefined;
  /** Hides the list of fields, where they are shown beside the fields themselves. */
  fieldsElsewhere?: boolean;
}

/** An error with what happened, why, what to do, and the id that finds it in the logs. */
export function ErrorNotice({ error, title, onRetry, fieldsElsewhere }: ErrorNoticeProps) {
  const problem = problemOf(error);
  const Icon = iconOf(problem);
  const permission = problem.reason === ErrorReason.ACCESS_DENIED ? problem.metadata.permission : undefined;
  const decision = problem.metadata.decision_id;
  return (
    <div role="alert" className="flex gap-3 rounded-md border border-line-strong bg-surface px-4 py-3">
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0 text-failed" />
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <div>
          <p className="font-semibold">{title ?? headingOf(problem)}</p>
          <p className="whitespace-pre-line">
            <Words text={problem.message} />
          </p>
        </div>
        {(permission || decision) && (
          <Denied permission={permission ?? ""} scope={problem.metadata.scope ?? ""} decision={decision} />
        )}
        {!fieldsElsewhere && problem.fields.length > 0 && (
          <ul className="list-disc pl-4">
            {problem.fields.map(({ field, message }) => (
              <li key={field + message}>
                <code>{field}</code> <Words text={message} />
              </li>
            ))}
          </ul>
        )}
        {problem.violations.length > 0 && (
          <ul className="list-disc pl-4">
            {problem.violations.map((violation) => (
              <li key={violation.policy + violation.field + violation.message}>
                <code>{violation.field}</code> <Words text={`${violation.message} ${violation.fix}`} />
              </li>
            ))}
          </ul>
        )}
        {problem.retryAfter !== undefined && <Wait milliseconds={problem.retryAfter} error={error} />}
        <div className="flex flex-wrap items-center gap-3 empty:hidden">
          {onRetry && (
            <Button size="sm" onClick={onRetry}>
              Try again
            </Button>
          )}
          {problem.correlationId && (
            <span className="inline-flex items-center gap-1 text-muted text-sm">
              <span className="whitespace-nowrap">Correlation id</span>
              <code className="min-w-0 break-all">{problem.correlationId}</code>
              <CopyButton text={problem.correlationId} label="Copy the correlation id" />
            </span>
          )}
        </div>
      </div>
    </div>
  );
}

/** What is missing, who can give it, and why it was refused. */
function Denied({ permission, scope, decision }: { permission: string; scope: string; decision: string | undefined }) {
  const unit = scope.startsWith("businessUnits/") ? scope.slice("businessUnits/".length) : "";
  const ask = `Please grant me ${permission}${unit ? ` in business unit ${unit}` : ""} on ${window.location.href}`;
  return (
    <div className="flex flex-col gap-2">
      {permission && (
        <p>
          Needs <code className="break-all">{permission}</code>{" "}
          {unit ? <>in business unit {unit}</> : "in the organization"}.{" "}
          {unit ? "The owner of the business unit or a platform administrator" : "A platform administrator"} can grant
          it.
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        {permission && (
          <Button size="sm" onClick={() => void navigator.clipboard.writeText(ask)}>
            Copy a message that asks for it
          </Button>
        )}
        {decision && <WhyDenied decision={decision} />}
      </div>
    </div>
  );
}

/** The wait that the server asks for, counted down. Read out once, not every second. */
function Wait({ milliseconds, error }: { milliseconds: number; error: unknown }) {
  const left = useWait(milliseconds, error);
  return (
    <p>
      <span className="sr-only">Try again in {formatMillis(milliseconds)}.</span>
      <span aria-hidden>{left > 0 ? `Try again in ${formatMillis(left * 1_000)}.` : "You can try again now."}</span>
    </p>
  );
}

function iconOf({ code, unreachable }: Problem) {
  if (code === Code.PermissionDenied) return Lock;
  if (code === Code.NotFound) return SearchX;
  if (unreachable || code === Code.Unavailable) return CloudOff;
  return CircleAlert;
}

function headingOf({ code, reason, unreachable }: Problem): string {
  if (code === Code.PermissionDenied) return "You may not do this";
  if (code === Code.NotFound) return "There is nothing here";
  if (code === Code.Internal && reason === ErrorReason.INTERNAL) return "Something went wrong on our side";
  if (unreachable || code === Code.Unavailable) return "No connection";
  if (code === Code.ResourceExhausted) return "Too much at once";
  if (code === Code.Aborted) return "Somebody was faster";
  return "This did not work";
}
