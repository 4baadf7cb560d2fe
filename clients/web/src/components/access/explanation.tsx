// Why somebody may or may not do something: the verdict, what would turn it round and who may do that, and every binding
// that bears on it.

import { Ban, Check, CircleCheck, CircleX, Copy, Equal } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Facts } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import {
  AccessEffect,
  type AccessQuestion,
  type AccessStep,
  type BindingExplanation,
  type ExplainAccessResponse,
} from "~/gen/flagstone/v1/access_service_pb";
import { askFor, bindingWords, objectWords, verdictWord } from "~/lib/access-words";
import { Button } from "~/ui/button";
import { Words } from "~/ui/words";

export interface ExplanationProps {
  explanation: ExplainAccessResponse;
  /** What can be done about a step right here. */
  stepAction?: (step: AccessStep, question: AccessQuestion) => ReactNode;
}

export function Explanation({ explanation, stepAction }: ExplanationProps) {
  const { question, allowed, reason, message, matched, nearlyMatched, smallestChange, decisionTime, changed } =
    explanation;
  const Icon = allowed ? CircleCheck : CircleX;
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <div className="flex items-start gap-2">
        <Icon
          aria-hidden
          className={allowed ? "mt-0.5 size-4 shrink-0 text-succeeded" : "mt-0.5 size-4 shrink-0 text-failed"}
        />
        <div className="min-w-0">
          <p className="font-semibold">{verdictWord(allowed, reason)}</p>
          <p dir="auto">
            <Words text={message} />
          </p>
          {decisionTime && (
            <p className="text-muted">
              Decided <RelativeTime time={decisionTime} />.{" "}
              {changed
                ? "Rights were changed since: this is how it would be decided now."
                : "Nothing that matters was changed since."}
            </p>
          )}
        </div>
      </div>
      {question && <Question question={question} />}
      {!allowed && question && <Change steps={smallestChange} question={question} stepAction={stepAction} />}
      <Bindings title={allowed ? "What gives it" : "What matches"} bindings={matched}>
        No binding matches.
      </Bindings>
      <Bindings title="What nearly matches" bindings={nearlyMatched}>
        No other binding names this permission.
      </Bindings>
    </div>
  );
}

function Question({ question: { principal, permission, object } }: { question: AccessQuestion }) {
  const isName = object.split("/").length % 2 === 0 && object !== "" && !object.endsWith("/-");
  return (
    <Facts
      facts={[
        ["Who", <PrincipalChip key="who" name={principal} />],
        [
          "Permission",
          <code key="what" className="break-all">
            {permission}
          </code>,
        ],
        ["On", isName ? <ResourceName key="on" name={object} /> : objectWords(object)],
      ]}
    />
  );
}

/** What would help, and the message that asks for it. */
function Change({
  steps,
  question,
  stepAction,
}: {
  steps: readonly AccessStep[];
  question: AccessQuestion;
  stepAction: ExplanationProps["stepAction"];
}) {
  const [copied, setCopied] = useState(false);
  if (steps.length === 0) return null;
  const ask = askFor(question, steps, window.location.href);
  return (
    <section aria-label="What would help" className="flex flex-col gap-2 rounded-md bg-person-soft px-3 py-2">
      <h3 className="font-semibold">What would help</h3>
      <ol className="flex flex-col gap-2">
        {steps.map((step) => (
          <li key={step.message} className="flex flex-col gap-0.5">
            <span dir="auto">
              <Words text={step.message} />
            </span>
            <span className="flex flex-wrap items-center gap-x-3 gap-y-1 text-muted">
              {step.who.length > 0 ? "Who may do it:" : "Whoever runs the organization may do it."}
              {step.who.map((name) => (
                <PrincipalChip key={name} name={name} />
              ))}
            </span>
            {stepAction?.(step, question)}
          </li>
        ))}
      </ol>
      <div>
        <Button
          size="sm"
          icon={copied ? <Check aria-hidden className="size-3.5" /> : <Copy aria-hidden className="size-3.5" />}
          onClick={() => void navigator.clipboard.writeText(ask).then(() => setCopied(true))}
        >
          {copied ? "Copied" : "Copy a message that asks for it"}
        </Button>
      </div>
    </section>
  );
}

function Bindings({
  title,
  bindings,
  children,
}: {
  title: string;
  bindings: readonly BindingExplanation[];
  children: ReactNode;
}) {
  return (
    <section aria-label={title} className="flex flex-col gap-1">
      <h3 className="font-semibold">{title}</h3>
      {bindings.length === 0 ? (
        <p className="text-muted">{children}</p>
      ) : (
        <ul className="border-line border-t">
          {bindings.map((binding, index) => (
            // A membership and what every user holds have no name: their place tells them apart.
            // biome-ignore lint/suspicious/noArrayIndexKey: the list is shown as it came
            <BindingItem key={`${binding.binding}/${index}`} binding={binding} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** One binding: whether it gives or takes, what it says, and how it bears on the question. */
export function BindingItem({ binding }: { binding: BindingExplanation }) {
  const { effect, obstacle, message, condition, expireTime } = binding;
  const takes = effect === AccessEffect.DENY;
  const Icon = obstacle ? Equal : takes ? Ban : Check;
  const color = obstacle ? "text-muted" : takes ? "text-failed" : "text-succeeded";
  return (
    <li className="flex items-start gap-2 border-line border-b py-1.5">
      <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${color}`} />
      <div className="flex min-w-0 flex-col">
        <p dir="auto">{bindingWords(binding)}.</p>
        {message && (
          <p className="text-muted" dir="auto">
            <Words text={message} />
          </p>
        )}
        {condition && (
          <p className="text-muted text-sm">
            Only if <code className="break-all">{condition}</code>
          </p>
        )}
        {expireTime && (
          <p className="text-muted text-sm">
            Until <RelativeTime time={expireTime} />
          </p>
        )}
      </div>
    </li>
  );
}
