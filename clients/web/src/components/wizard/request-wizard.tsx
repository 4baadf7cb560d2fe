// The frame of everything that asks for a change: fill in on the left, the platform's verdict on the right; then look at
// what it will do, and send it. The step is in the address, so that the back button walks through the steps.

import type { JsonObject } from "@bufbuild/protobuf";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type FieldProblem, problemOf } from "~/api/errors";
import { SchemaForm } from "~/components/schema-form/schema-form";
import { count } from "~/lib/format";
import {
  anchorOf,
  type FormKind,
  formProblems,
  inputProblems,
  inputsField,
  labelOf,
  missingTags,
  type RequestForm,
  type RequestInit,
  requestOf,
  type Sent,
  verdictOf,
} from "~/lib/request-form";
import type { Schema } from "~/lib/schema";
import { validateInputs } from "~/lib/schema-validate";
import { useRegisterActions } from "~/lib/shortcuts";
import { useAfterPress } from "~/lib/use-after-press";
import { usePreview } from "~/lib/use-preview";
import type { Step } from "~/lib/wizard-step";
import { Button } from "~/ui/button";
import { Kbd } from "~/ui/kbd";
import { Words } from "~/ui/words";
import { Refusal } from "./refusal";
import { TagsEditor } from "./tags-editor";
import { VerdictPanel } from "./verdict-panel";

/** What the parts of a form need to show their errors. */
export interface Shown {
  /** The messages of a field of the call that should be shown now. */
  errorsOf: (field: string) => string[];
  leave: (field: string) => void;
}

export interface RequestWizardProps {
  kind: FormKind;
  form: RequestForm;
  change: (part: Partial<RequestForm>) => void;
  /** `undefined` while it is read: then there are no inputs to show. */
  schema: Schema | undefined;
  sent?: Sent;
  step: Step;
  onStep: (step: Step) => void;
  /** Above the inputs. */
  target: (shown: Shown) => ReactNode;
  /** In place of the inputs while there is no schema. */
  inputsPending?: ReactNode;
  /** Below the tags. */
  afterTags?: ((shown: Shown) => ReactNode) | undefined;
  tagsNote?: string | undefined;
  /** Below all other parts. */
  below?: (shown: Shown) => ReactNode;
  /** The second step. */
  review: ReactNode;
  /** The main action of the second step. */
  send: { label: string; busy: string | false; run: () => void };
  /** Why it cannot be sent, whatever is filled in. */
  denied?: string | undefined;
  /** Beside it, in both steps. */
  others?: ((blocked: string | undefined) => ReactNode) | undefined;
  /** What was sent last, and what the server said. */
  lastTry?: { error: unknown; request: RequestInit | undefined } | undefined;
  /** What the last try did not do: "The request was not sent". */
  failure: string;
}

export function RequestWizard(props: RequestWizardProps) {
  const { kind, form, change, schema, sent, step, onStep, send, lastTry } = props;
  const request = requestOf(kind, form, sent);
  const preview = usePreview(form.unit, request);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [showAll, setShowAll] = useState(false);
  const [isWaiting, setIsWaiting] = useState(false);
  const [unread, setUnread] = useState<readonly FieldProblem[]>([]);
  const summary = useRef<HTMLDivElement>(null);
  const prefix = inputsField(kind);

  const problems = useMemo(() => {
    const inputs = schema && !sent?.keepInputs && kind !== "destroy" ? validateInputs(schema, form.inputs) : [];
    const client = [
      ...formProblems(kind, form),
      ...inputs.map(({ field, message }) => ({ field: field ? `${prefix}.${field}` : prefix, message })),
    ];
    const answered = form.unit ? (preview.answer?.violations ?? []) : [];
    // A preview knows nothing of the inputs that the request has already.
    const isKept = (field: string) => sent?.keepInputs && kind === "create" && field.startsWith(prefix);
    const server = answered.flatMap(({ field, description }) =>
      isKept(field) ? [] : [{ field, message: description }],
    );
    const isCurrent = preview.answer !== undefined && !preview.isChecking && form.unit !== "";
    // What cannot be read is not in the form, so that no verdict covers it.
    return [
      ...verdictOf(client, server, isCurrent),
      ...unread.map(({ field, message }) => ({ field: `${prefix}.${field}`, message })),
    ];
  }, [kind, form, schema, sent?.keepInputs, prefix, preview.answer, preview.isChecking, unread]);

  // A refusal is about what was sent: what is typed since has its own verdict.
  const isRefused = lastTry?.error != null && JSON.stringify(lastTry.request) === JSON.stringify(request);
  const stillRefused = isRefused ? problemOf(lastTry.error).fields : [];
  const known = new Set(problems.map(({ field }) => field));
  const all = [...problems, ...stillRefused.filter(({ field }) => !known.has(field))];

  const isShown = (field: string) =>
    showAll || stillRefused.length > 0 || [...touched].some((one) => one === field || one.startsWith(`${field}[`));
  const shown = all.filter(({ field }) => isShown(field));
  const afterPress = useAfterPress();
  const leave = useCallback(
    (field: string) => afterPress(() => setTouched((before) => new Set(before).add(field))),
    [afterPress],
  );
  const fields: Shown = {
    errorsOf: (field) => shown.filter((one) => one.field === field).map(({ message }) => message),
    leave,
  };
  const blocked =
    props.denied ?? (all.length > 0 ? `${count(all.length, "thing")} still to do: see the list.` : undefined);

  const goTo = (problem: FieldProblem) => {
    setShowAll(true);
    if (step !== "configure") onStep("configure");
    // The form may only now come back.
    setTimeout(() => focusField(anchorOf(problem.field, kind)), step === "configure" ? 0 : 120);
  };
  const goOn = () => {
    if (all.length === 0) {
      setShowAll(false);
      onStep("review");
      return;
    }
    setShowAll(true);
    requestAnimationFrame(() => summary.current?.focus());
  };
  const next = () => {
    if (step === "review") {
      if (!blocked && !send.busy) send.run();
    } else if (preview.isChecking && form.unit !== "") {
      // The verdict there is may be about what was typed before.
      setIsWaiting(true);
    } else {
      goOn();
    }
  };
  const goOnLatest = useRef(goOn);
  goOnLatest.current = goOn;
  useEffect(() => {
    if (!isWaiting || preview.isChecking) return;
    setIsWaiting(false);
    goOnLatest.current();
  }, [isWaiting, preview.isChecking]);
  const link = (problem: FieldProblem) => (
    <>
      <button
        type="button"
        onClick={() => goTo(problem)}
        className="text-left font-medium text-accent-strong hover:underline"
      >
        {labelOf(problem.field, kind, schema)}
      </button>
      : <Words text={firstSentence(problem.message)} />
    </>
  );
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    next();
  };
  // The keyboard follows to the step that came.
  const frame = useRef<HTMLDivElement>(null);
  const lastStep = useRef(step);
  useEffect(() => {
    if (lastStep.current !== step) frame.current?.focus({ preventScroll: true });
    lastStep.current = step;
  }, [step]);
  const nextLabel = step === "review" ? send.label : "Review request";
  useRegisterActions([{ label: nextLabel, group: "Request", run: next }]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Ctrl Enter goes on from every field within
    <div onKeyDown={onKeyDown} className="flex flex-col gap-4">
      <Steps step={step} onStep={(to) => (to === "review" ? next() : onStep(to))} />
      <div className="grid items-start gap-6 lg:grid-cols-[minmax(0,720px)_minmax(300px,1fr)]">
        <div ref={frame} tabIndex={-1} className="flex min-w-0 flex-col gap-6 outline-none">
          {isRefused && <Refusal error={lastTry.error} title={props.failure} />}
          {step === "configure" && showAll && all.length > 0 && (
            <div
              ref={summary}
              tabIndex={-1}
              role="alert"
              className="flex flex-col gap-1 rounded-md border border-failed bg-failed-soft px-4 py-3"
            >
              <p className="font-semibold">{count(all.length, "thing")} still to do</p>
              <ul className="list-disc pl-4">
                {all.slice(0, 20).map((problem) => (
                  <li key={problem.field + problem.message}>{link(problem)}</li>
                ))}
              </ul>
              {all.length > 20 && <p>And {all.length - 20} more.</p>}
            </div>
          )}
          {/* Hidden, not removed: what stands in fields and is no value yet stays. */}
          <div
            hidden={step !== "configure"}
            className="flex min-w-0 flex-col gap-6 [&[hidden]]:hidden [&_:is(input,select,textarea,button,fieldset)]:scroll-mt-16 [&_:is(input,select,textarea,button)]:scroll-mb-32 md:[&_:is(input,select,textarea,button)]:scroll-mb-20"
          >
            {props.target(fields)}
            {kind !== "destroy" && (
              <Part title="Inputs">
                {schema ? (
                  <SchemaForm
                    schema={schema}
                    value={form.inputs}
                    onChange={(inputs: JsonObject) => change({ inputs })}
                    errors={inputProblems(kind, shown)}
                    idPrefix="inputs"
                    onLeave={(path) => leave(`${prefix}.${path}`)}
                    onUnread={setUnread}
                  />
                ) : (
                  props.inputsPending
                )}
              </Part>
            )}
            {kind !== "destroy" && (
              <Part title={kind === "create" ? "Tags and cost" : "Tags"}>
                <TagsEditor
                  tags={form.tags}
                  onChange={(tags) => change({ tags })}
                  missing={sent?.keepTags ? [] : missingTags(all, form.tags)}
                  problems={shown}
                  note={props.tagsNote}
                />
                {props.afterTags?.(fields)}
              </Part>
            )}
            {props.below?.(fields)}
          </div>
          {step === "review" && props.review}
          <div className="sticky bottom-14 z-10 flex flex-wrap items-center gap-2 border-line border-t bg-canvas py-3 md:bottom-0">
            <Button
              variant="primary"
              busy={step === "review" ? send.busy : isWaiting && "Checking"}
              reason={step === "review" && blocked}
              onClick={next}
            >
              {nextLabel}
            </Button>
            {step === "review" && <Button onClick={() => onStep("configure")}>Back to the form</Button>}
            {props.others?.(blocked)}
            <span className="ml-auto hidden items-center gap-1 text-muted text-sm sm:inline-flex">
              <Kbd keys="Ctrl Enter" /> {step === "review" ? "sends it" : "goes on"}
            </span>
          </div>
        </div>
        <div className="lg:sticky lg:top-16 lg:max-h-[calc(100dvh-80px)] lg:overflow-y-auto">
          <VerdictPanel preview={preview} problems={all} problemLink={link} isAskable={form.unit !== ""} />
        </div>
      </div>
    </div>
  );
}

/** Enough for a list; the whole message stands beside the field. */
function firstSentence(message: string): string {
  return message.split(/(?<=[.?])\s/, 1)[0] ?? message;
}

/** Part of the form under a heading. */
export function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="flex min-w-0 flex-col gap-4">
      <h2 className="border-line border-b pb-1 font-semibold text-lg">{title}</h2>
      {children}
    </section>
  );
}

function Steps({ step, onStep }: { step: Step; onStep: (step: Step) => void }) {
  const steps: [Step, string][] = [
    ["configure", "Fill in"],
    ["review", "Review and send"],
  ];
  return (
    <nav aria-label="Steps">
      <ol className="flex flex-wrap gap-4">
        {steps.map(([id, label], index) => (
          <li key={id}>
            <button
              type="button"
              aria-current={step === id ? "step" : undefined}
              onClick={() => step !== id && onStep(id)}
              className={
                step === id
                  ? "flex items-center gap-2 font-semibold"
                  : "flex items-center gap-2 text-muted hover:text-ink"
              }
            >
              <span
                className={`flex size-5 items-center justify-center rounded-full text-sm ${
                  step === id ? "bg-accent text-accent-ink" : "bg-active"
                }`}
              >
                {index + 1}
              </span>
              {label}
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** Brings a field into view and puts the keyboard into it; where it is not there, what it would stand in. */
function focusField(anchor: string): void {
  for (let id = anchor; id; id = shorter(id)) {
    const element = document.getElementById(id);
    if (!element) continue;
    const isGroup = element.tagName === "FIELDSET";
    const control = isGroup ? element.querySelector<HTMLElement>("input:enabled, select, textarea, button") : undefined;
    element.scrollIntoView({ block: "center" });
    (control ?? element).focus({ preventScroll: true });
    return;
  }
}

function shorter(id: string): string {
  return id.slice(0, Math.max(id.lastIndexOf("."), id.lastIndexOf("["), 0));
}
