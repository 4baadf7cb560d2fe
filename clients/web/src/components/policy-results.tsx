import { CircleCheck, CircleX, TriangleAlert } from "lucide-react";
import { useState } from "react";
import type { PolicyResult } from "~/gen/flagstone/v1/policy_pb";
import { count } from "~/lib/format";
import { idOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Words } from "~/ui/words";

/** What the policies say: what blocks first, then advice; those that are content are one click away. */
export function PolicyResults({ results }: { results: readonly PolicyResult[] }) {
  const [showPassed, setShowPassed] = useState(false);
  if (results.length === 0) return <p className="text-muted">No policy applies.</p>;
  const blocking = results.filter(({ violated, enforced }) => violated && enforced);
  const advice = results.filter(({ violated, enforced }) => violated && !enforced);
  const passed = results.filter(({ violated }) => !violated);
  return (
    <div className="flex flex-col gap-2">
      {blocking.length + advice.length > 0 && (
        <ul className="flex flex-col gap-2">
          {[...blocking, ...advice].map((result) => (
            <Violated key={result.policy} result={result} />
          ))}
        </ul>
      )}
      {passed.length > 0 && (
        <div className="flex flex-wrap items-center gap-2">
          <CircleCheck aria-hidden className="size-4 shrink-0 text-succeeded" />
          {passed.length === results.length
            ? `${passed.length === 1 ? "The policy is" : `All ${passed.length} policies are`} satisfied.`
            : `${count(passed.length, "policy is", "policies are")} satisfied.`}
          <Button size="sm" variant="ghost" aria-expanded={showPassed} onClick={() => setShowPassed(!showPassed)}>
            {showPassed ? "Hide which" : "Show which"}
          </Button>
        </div>
      )}
      {showPassed && (
        <ul className="flex flex-wrap gap-x-4 gap-y-1 pl-6 text-muted text-sm">
          {passed.map(({ policy, version }) => (
            <li key={policy}>
              <code>{idOf(policy)}</code> version {version}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Violated({ result: { policy, version, enforced, violations } }: { result: PolicyResult }) {
  return (
    <li className="flex items-start gap-2">
      {enforced ? (
        <CircleX aria-hidden className="mt-0.5 size-4 shrink-0 text-failed" />
      ) : (
        <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-waiting" />
      )}
      <div className="min-w-0">
        <p>
          <span className="font-medium">{enforced ? "Blocked by" : "Advice of"}</span> <code>{idOf(policy)}</code>{" "}
          <span className="text-muted text-sm">version {version}</span>
        </p>
        <ul className="flex flex-col gap-1">
          {violations.map(({ field, message, fix }) => (
            <li key={field + message}>
              {field && (
                <>
                  <code>{field}</code>{" "}
                </>
              )}
              <span dir="auto">
                <Words text={message} />
              </span>{" "}
              {fix && (
                <span className="text-muted">
                  <Words text={fix} />
                </span>
              )}
            </li>
          ))}
        </ul>
      </div>
    </li>
  );
}
