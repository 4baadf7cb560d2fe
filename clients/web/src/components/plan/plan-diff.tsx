// What a plan does: in short, resource by resource, and in the engine's own words.

import { FileText, GitCompareArrows, ListTree, Scissors } from "lucide-react";
import { type ReactNode, useDeferredValue, useMemo, useState } from "react";
import { CopyButton } from "~/components/copy-button";
import { RelativeTime } from "~/components/relative-time";
import { ValueView } from "~/components/values";
import {
  type OutputChange,
  type Plan,
  type PlanDifference,
  ResourceAction,
} from "~/gen/flagstone/v1/request_service_pb";
import { count, formatNumber, shortDigest } from "~/lib/format";
import { jsonOf } from "~/lib/json-diff";
import { groupChanges, openAtFirst, type PlanRow, plainText, rowsOf, searchChanges } from "~/lib/plan";
import { Button } from "~/ui/button";
import { Input } from "~/ui/field";
import { PlanCounts } from "./plan-counts";
import { PlanTree } from "./plan-tree";

export { planSentence } from "~/lib/plan";

/** A plan; a new one begins with nothing of what was opened in the one before. */
export function PlanDiff({ plan }: { plan: Plan }) {
  return <PlanContent key={plan.summary?.digest} plan={plan} />;
}

function PlanContent({ plan }: { plan: Plan }) {
  const { changes, outputs, differences } = plan;
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState<ReadonlySet<string>>(() => openAtFirst(changes));
  const [closed, setClosed] = useState<ReadonlySet<ResourceAction>>(new Set());
  const [asText, setAsText] = useState(false);
  const wanted = useDeferredValue(search);
  const groups = useMemo(() => groupChanges(changes), [changes]);
  const found = useMemo(() => searchChanges(changes, wanted), [changes, wanted]);
  const rows = useMemo(() => rowsOf(groups, { open, closed }, found), [groups, open, closed, found]);
  const toggle = (row: PlanRow) => {
    if (row.kind === "group") setClosed(toggled(closed, row.action));
    if (row.kind === "resource") setOpen(toggled(open, row.key));
  };
  const isEmpty = changes.length === 0 && outputs.length === 0;
  return (
    <div className="flex min-w-0 flex-col gap-3">
      {differences.length > 0 && <Differences differences={differences} />}
      {plan.truncated && (
        <Notice icon={<Scissors aria-hidden className="size-4" />}>
          {isWhole(plan)
            ? "Every resource is listed, but the engine's text is too long to be kept whole."
            : `This plan is too large to be kept whole: only ${count(changes.length, "resource")} of it can be shown.`}{" "}
          The counts and the digest cover all of it.
        </Notice>
      )}
      <div className="flex flex-wrap items-center gap-2">
        {plan.summary && <PlanCounts summary={plan.summary} />}
        <div className="flex-1" />
        {!asText && changes.length > 1 && (
          <>
            <output className="text-muted text-sm tabular-nums">
              {found && `${formatNumber(found.size)} of ${count(changes.length, "resource")}`}
            </output>
            <div className="w-72 max-w-full">
              <Input
                type="search"
                aria-label="Search the resources of the plan"
                placeholder="Search address, attribute, value"
                value={search}
                onChange={(event) => setSearch(event.target.value)}
              />
            </div>
          </>
        )}
        {plan.text && (
          <Button
            size="sm"
            icon={
              asText ? <ListTree aria-hidden className="size-3.5" /> : <FileText aria-hidden className="size-3.5" />
            }
            onClick={() => setAsText(!asText)}
          >
            {asText ? "Show the changes" : "Show the engine's text"}
          </Button>
        )}
      </div>
      {asText ? (
        <EngineText text={plan.text} />
      ) : (
        <>
          {rows.length > 0 && <PlanTree rows={rows} onToggle={toggle} />}
          {found?.size === 0 && <p className="text-muted">No resource of this plan holds “{wanted.trim()}”.</p>}
          {isEmpty && <p className="text-muted">Nothing changes: what is there is what was asked for.</p>}
          {changes.length === 0 && outputs.length > 0 && <p className="text-muted">No resource changes.</p>}
          {outputs.length > 0 && <Outputs outputs={outputs} />}
        </>
      )}
      <Identity plan={plan} />
    </div>
  );
}

/** True where the resources that are listed are all that the counts count. */
function isWhole({ changes, summary }: Plan): boolean {
  const number = (...actions: ResourceAction[]) => changes.filter(({ action }) => actions.includes(action)).length;
  return (
    number(ResourceAction.CREATE, ResourceAction.REPLACE) === summary?.add &&
    number(ResourceAction.UPDATE) === summary.change &&
    number(ResourceAction.DESTROY, ResourceAction.REPLACE) === summary.destroy
  );
}

function toggled<Key>(set: ReadonlySet<Key>, key: Key): ReadonlySet<Key> {
  const next = new Set(set);
  if (!next.delete(key)) next.add(key);
  return next;
}

function Notice({ icon, children }: { icon: ReactNode; children: ReactNode }) {
  return (
    <div className="flex items-start gap-2 rounded-md bg-waiting-soft px-3 py-2 text-waiting">
      <span className="mt-0.5 shrink-0">{icon}</span>
      <div className="min-w-0 text-ink">{children}</div>
    </div>
  );
}

/** Why an approval no longer holds: the plan that was approved against this one. */
function Differences({ differences }: { differences: readonly PlanDifference[] }) {
  return (
    <section aria-label="Against the plan that was approved before" className="flex flex-col gap-2">
      <Notice icon={<GitCompareArrows aria-hidden className="size-4" />}>
        <span className="font-semibold">Against the plan that was approved before.</span>{" "}
        {count(differences.length, "difference")}; the approval of the earlier plan is void.
      </Notice>
      <table className="w-full table-fixed border-collapse">
        <thead>
          <tr className="h-8 border-line border-b text-left text-muted text-sm">
            <th scope="col" className="w-2/5 font-medium">
              Path
            </th>
            <th scope="col" className="px-2 font-medium">
              Approved
            </th>
            <th scope="col" className="px-2 font-medium">
              Now
            </th>
          </tr>
        </thead>
        <tbody>
          {differences.map(({ path, approved, current }) => (
            <tr key={path} className="border-line border-b align-top">
              <th scope="row" className="py-1.5 text-left font-normal">
                <code>{path}</code>
              </th>
              <td className="px-2 py-1.5">
                {approved ? <code dir="auto">{approved}</code> : <ValueView value={undefined} />}
              </td>
              <td className="px-2 py-1.5">
                {current ? <code dir="auto">{current}</code> : <ValueView value={undefined} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Outputs({ outputs }: { outputs: readonly OutputChange[] }) {
  const hasBefore = outputs.some(({ before }) => before !== undefined);
  return (
    <table className="w-full table-fixed border-collapse">
      <caption className="h-8 text-left font-semibold">{count(outputs.length, "output")}</caption>
      <thead>
        <tr className="h-8 border-line border-y bg-surface text-left text-muted text-sm">
          <th scope="col" className="w-1/3 px-2 font-medium">
            Output
          </th>
          {hasBefore && (
            <th scope="col" className="px-2 font-medium">
              Before
            </th>
          )}
          <th scope="col" className="px-2 font-medium">
            After
          </th>
        </tr>
      </thead>
      <tbody>
        {outputs.map(({ output, before, after, unknown, sensitive }) => (
          <tr key={output} className="border-line border-b align-top">
            <th scope="row" className="px-2 py-1.5 text-left font-normal">
              <code>{output}</code>
            </th>
            {hasBefore && (
              <td className="px-2 py-1.5">
                <ValueView value={jsonOf(before)} sensitive={sensitive && before !== undefined} />
              </td>
            )}
            <td className="px-2 py-1.5">
              <ValueView value={jsonOf(after)} sensitive={sensitive && after !== undefined} unknown={unknown} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function EngineText({ text }: { text: string }) {
  const plain = useMemo(() => plainText(text), [text]);
  return (
    <section
      aria-label="The engine's text"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be within reach of the keyboard
      tabIndex={0}
      className="relative max-h-[70vh] overflow-auto rounded-md border border-line bg-surface"
    >
      <span className="absolute top-2 right-2">
        <CopyButton text={plain} label="Copy the engine's text" />
      </span>
      <pre className="p-3 pr-10 whitespace-pre-wrap">{plain}</pre>
    </section>
  );
}

/** What exactly this plan is: what an approval binds, and what it was made against. */
function Identity({ plan }: { plan: Plan }) {
  const { summary, stateSerial, stateLineage, providerLockHash } = plan;
  return (
    <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-muted text-sm">
      {summary && (
        <span className="inline-flex items-center gap-1">
          Digest <code title={summary.digest}>{shortDigest(summary.digest)}</code>
          <CopyButton text={summary.digest} label="Copy the digest of the plan" />
        </span>
      )}
      <span title={stateLineage ? `Lineage ${stateLineage}` : undefined}>
        {stateLineage ? `Against state serial ${formatNumber(stateSerial)}` : "Against a new, empty state"}
      </span>
      {providerLockHash && (
        <span>
          Providers <code title={providerLockHash}>{shortDigest(providerLockHash)}</code>
        </span>
      )}
      {summary?.createTime && (
        <span>
          Made <RelativeTime time={summary.createTime} />
        </span>
      )}
      {summary?.expireTime && (
        <span>
          Expires <RelativeTime time={summary.expireTime} />
        </span>
      )}
    </p>
  );
}
