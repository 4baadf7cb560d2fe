// What somebody may do: the roles that reach them, from where, and the answer to any single question (R059, R054).

import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { Explanation } from "~/components/access/explanation";
import { QuestionForm } from "~/components/access/question-form";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import type { User } from "~/gen/flagstone/v1/user_service_pb";
import { throughWords } from "~/lib/access-words";
import { scopeWords } from "~/lib/permission-words";
import { type ReachedRole, reachedRoles } from "~/lib/reached-roles";

export function EffectiveAccess({ user }: { user: User }) {
  const roles = reachedRoles(user);
  return (
    <div className="flex flex-col gap-6">
      <Section title="Roles that reach this person">
        {!user.active && <p className="text-waiting">The account is inactive: none of these gives anything now.</p>}
        {roles.length === 0 ? (
          <EmptyState>No role reaches this person. What every user may do is all there is.</EmptyState>
        ) : (
          <ul aria-label="Roles that reach this person" className="border-line border-t">
            {roles.map((one) => (
              <Reached key={`${one.role} ${one.scope} ${one.through} ${one.deny}`} reached={one} />
            ))}
          </ul>
        )}
      </Section>
      <Ask principal={user.name} />
    </div>
  );
}

function Reached({ reached: { role, scope, through, deny, expireTime } }: { reached: ReachedRole }) {
  return (
    <li className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-1 border-line border-b py-1">
      {deny && <span className="rounded-sm bg-failed-soft px-1.5 text-failed text-sm">Deny</span>}
      <span className="min-w-40 font-medium">
        <ResourceName name={role} />
      </span>
      <span className="text-muted">in {scopeWords(scope)}</span>
      <span className="text-muted">{throughWords(through) || "bound to the person"}</span>
      {expireTime && (
        <span className="text-waiting">
          until <RelativeTime time={expireTime} />
        </span>
      )}
    </li>
  );
}

const EXPLAIN = "platform:access:explain";

/** May this person do that? The server's evaluator answers, with why. */
function Ask({ principal }: { principal: string }) {
  const [asked, setAsked] = useState<{ permission: string; object: string }>();
  const reason = useChecks([{ permission: EXPLAIN, object: "" }]).reason(EXPLAIN, "");
  return (
    <Section title="May this person do something?">
      <QuestionForm
        reason={reason}
        why={reason && <WhyNot permission={EXPLAIN} object="" action="explain the access of others" />}
        onAsk={setAsked}
      />
      {asked && <Answer principal={principal} {...asked} />}
    </Section>
  );
}

function Answer({ principal, permission, object }: { principal: string; permission: string; object: string }) {
  const query = useQuery(
    AccessService.method.explainAccess,
    { about: { case: "question", value: { principal, permission, object } } },
    { staleTime: 0 },
  );
  return (
    <div className="rounded-md border border-line px-4 py-3">
      <QueryView query={query} title="There is no answer">
        {(explanation) => <Explanation explanation={explanation} />}
      </QueryView>
    </div>
  );
}
