// What a mutation would do, from its dry run: every object it touches, who would have to decide, what it starts.

import { Cog, Pencil, Plus, Trash2 } from "lucide-react";
import { RequiredApprovals } from "~/components/approval/required-approvals";
import { ChangeAction, type Effects, type ObjectChange } from "~/gen/flagstone/v1/effects_pb";
import { count, sentence } from "~/lib/format";
import { jsonOf } from "~/lib/json-diff";
import { idOf } from "~/lib/names";
import { PolicyResults } from "./policy-results";
import { ResourceName } from "./resource-name";
import { ValueView } from "./values";

const ACTIONS: Partial<Record<ChangeAction, { verb: string; icon: typeof Plus; classes: string }>> = {
  [ChangeAction.CREATED]: { verb: "Creates", icon: Plus, classes: "text-succeeded" },
  [ChangeAction.UPDATED]: { verb: "Changes", icon: Pencil, classes: "text-waiting" },
  [ChangeAction.DELETED]: { verb: "Deletes", icon: Trash2, classes: "text-failed" },
};

export function EffectsPreview({ effects: { changes: all, approvals, policyResults, jobs } }: { effects: Effects }) {
  // A job that it creates is said once, by what it does.
  const changes = all.filter(({ objectType, action }) => objectType !== "job" || action !== ChangeAction.CREATED);
  const violated = policyResults.some((result) => result.violated);
  return (
    <div className="flex flex-col gap-4">
      <section aria-label="Changes" className="flex flex-col gap-2">
        <h3 className="font-semibold">This changes {count(changes.length, "object")}</h3>
        {changes.length === 0 && <p className="text-muted">Nothing would change.</p>}
        <ul className="flex flex-col gap-1">
          {changes.map((change) => (
            <Change key={change.object} change={change} />
          ))}
          {jobs.map(({ kind, subject }) => (
            <li key={kind + subject} className="flex items-center gap-2">
              <Cog aria-hidden className="size-4 shrink-0 text-running" />
              <span>
                Starts the job <span className="font-medium">{sentence(kind)}</span>
              </span>
            </li>
          ))}
        </ul>
      </section>
      {approvals.length > 0 && (
        <section aria-label="Approvals" className="flex flex-col gap-2">
          <h3 className="font-semibold">Has to be approved</h3>
          <RequiredApprovals approvals={approvals} />
        </section>
      )}
      {violated && (
        <section aria-label="Policies" className="flex flex-col gap-2">
          <h3 className="font-semibold">Policies</h3>
          <PolicyResults results={policyResults} />
        </section>
      )}
    </div>
  );
}

function Change({ change: { object, objectType, action, fields } }: { change: ObjectChange }) {
  const { verb, icon: Icon, classes } = ACTIONS[action] ?? { verb: "Touches", icon: Pencil, classes: "text-muted" };
  const isCreated = action === ChangeAction.CREATED;
  return (
    <li className="flex items-start gap-2">
      <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${classes}`} />
      <div className="min-w-0 flex-1">
        <p>
          {verb} the {sentence(objectType).toLowerCase()} {/* What a dry run creates has no page. */}
          {isCreated ? (
            <code title={object}>{shortId(object)}</code>
          ) : (
            <ResourceName name={object}>
              <code>{shortId(object)}</code>
            </ResourceName>
          )}
        </p>
        {fields.length > 0 && (
          <details>
            <summary className="w-fit cursor-pointer text-muted text-sm">{count(fields.length, "field")}</summary>
            <dl className="mt-1 grid gap-x-4 gap-y-1 border-line border-l-2 pl-3 sm:grid-cols-[minmax(96px,max-content)_minmax(0,1fr)]">
              {fields.map(({ field, before, after }) => (
                <div key={field} className="contents">
                  <dt className="text-muted">
                    <code>{field}</code>
                  </dt>
                  <dd className="min-w-0">
                    {!isCreated && (
                      <>
                        <ValueView value={jsonOf(before)} /> <span className="sr-only">becomes</span>
                        <span aria-hidden>→</span>{" "}
                      </>
                    )}
                    <ValueView value={jsonOf(after)} />
                  </dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </div>
    </li>
  );
}

/** The id of an object; of one that only programs read, the first letters. */
function shortId(name: string): string {
  const id = idOf(name);
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id) ? id.slice(0, 8) : id;
}
