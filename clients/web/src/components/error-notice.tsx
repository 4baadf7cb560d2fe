import { Code } from "@connectrpc/connect";
import { CircleAlert, CloudOff, Lock, SearchX } from "lucide-react";
import { ErrorReason, type Problem, problemOf } from "~/api/errors";
import { formatMillis } from "~/lib/format";
import { useWait } from "~/lib/use-wait";
import { Button } from "~/ui/button";
import { Words } from "~/ui/words";
import { Denied } from "./access/denied";
import { WhyDenied } from "./access/why-not";
import { CopyButton } from "./copy-button";
import { ErrorBox } from "./error-box";

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
  const permission = problem.reason === ErrorReason.ACCESS_DENIED ? problem.metadata.permission : undefined;
  const decision = problem.metadata.decision_id;
  return (
    <ErrorBox icon={iconOf(problem)} title={title ?? headingOf(problem)} message={problem.message}>
      {(permission || decision) && (
        <Denied
          permission={permission ?? ""}
          scope={problem.metadata.scope ?? ""}
          why={decision && <WhyDenied decision={decision} />}
        />
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
    </ErrorBox>
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
