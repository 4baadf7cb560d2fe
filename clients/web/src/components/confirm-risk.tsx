import { lazy, type ReactNode, Suspense, useState } from "react";
import type { Effects } from "~/gen/flagstone/v1/effects_pb";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { Field, Input } from "~/ui/field";
import { ErrorNotice } from "./error-notice";
import { Skeleton } from "./page";

// Lists have this dialog, and few open it: what shows values, and checks schemas for that, comes when it is opened.
const EffectsPreview = lazy(() => import("./effects-preview").then((module) => ({ default: module.EffectsPreview })));

export interface ConfirmRiskProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description: ReactNode;
  /** What must be typed: the id of what is at risk. Left out where the effects alone are enough. */
  confirmText?: string;
  /** The button's words: a verb with its object. */
  action: string;
  /** What the dry run said; `undefined` while it runs. */
  effects: Effects | undefined;
  /** Why it is not possible any more: things went on while the dialog was open. */
  reason?: string | undefined;
  onConfirm: () => void;
  /** What it waits for once confirmed. */
  busy?: string | false;
  /** Why the dry run, or the action, was refused. */
  error?: unknown;
  onRetry?: () => void;
}

/** Asks before something that cannot be undone: shows what the dry run found, and lets the name be typed. */
export function ConfirmRisk(props: ConfirmRiskProps) {
  const { open, onOpenChange, title, description } = props;
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title} description={description}>
      {open && <Confirmation {...props} />}
    </Dialog>
  );
}

function Confirmation(props: ConfirmRiskProps) {
  const { onOpenChange, confirmText, action, effects, onConfirm, busy, error, onRetry } = props;
  const [typed, setTyped] = useState("");
  const hasFailed = error !== undefined && error !== null;
  const isTyped = confirmText === undefined || typed.trim() === confirmText;
  const reason =
    props.reason ?? (effects === undefined ? "The dry run is not done." : !isTyped && `Type ${confirmText} first.`);
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!reason && !busy) onConfirm();
      }}
    >
      {hasFailed && <ErrorNotice error={error} onRetry={onRetry} />}
      {effects && (
        <Suspense fallback={<Skeleton lines={4} />}>
          <EffectsPreview effects={effects} />
        </Suspense>
      )}
      {!effects && !hasFailed && <Skeleton lines={4} />}
      {confirmText !== undefined && (
        <Field
          label={
            <>
              Type <code className="select-all">{confirmText}</code> to confirm
            </>
          }
        >
          {(control) => (
            <Input
              {...control}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              autoComplete="off"
              autoCapitalize="off"
              spellCheck={false}
              className="font-mono"
            />
          )}
        </Field>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={() => onOpenChange(false)}>Go back</Button>
        <Button type="submit" variant="danger" reason={reason} busy={busy}>
          {action}
        </Button>
      </div>
    </form>
  );
}
