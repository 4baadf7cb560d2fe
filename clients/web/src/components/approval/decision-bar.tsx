// Where a person decides: in view wherever they read. It says what the decision binds and what would void it.

import { Check, GitCompareArrows, X } from "lucide-react";
import { useId, useRef, useState } from "react";
import { ConfirmRisk } from "~/components/confirm-risk";
import { EffectsPreview } from "~/components/effects-preview";
import { ErrorNotice } from "~/components/error-notice";
import { Skeleton } from "~/components/page";
import { planSentence } from "~/components/plan/plan-diff";
import { RelativeTime } from "~/components/relative-time";
import { tierWord } from "~/components/tier-badge";
import { type Approval, ApprovalState } from "~/gen/flagstone/v1/approval_service_pb";
import { cn } from "~/lib/cn";
import { shortDigest } from "~/lib/format";
import { isHighRisk } from "~/lib/request-words";
import { useRegisterActions } from "~/lib/shortcuts";
import { type Decision, MAX_COMMENT, useDecision } from "~/lib/use-decision";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { TextArea } from "~/ui/field";

export interface DecisionBarProps {
  approval: Approval;
  onDecided?: (approval: Approval) => void;
  /** Where it sticks: above the bottom bar of a phone, or at the end of a panel that scrolls by itself. */
  inPanel?: boolean;
}

/** Nothing, once the approval is decided. Give it the request's name as key: another approval may take this one's place. */
export function DecisionBar({ approval, onDecided, inPanel }: DecisionBarProps) {
  const [confirming, setConfirming] = useState(false);
  const decision = useDecision(approval, (after) => {
    setConfirming(false);
    onDecided?.(after);
  });
  const commentId = useId();
  const comment = useRef<HTMLTextAreaElement>(null);
  const isOpen = approval.state === ApprovalState.PENDING;
  const reason = reasonOf(approval, decision);
  const confirm = () => {
    setConfirming(true);
    decision.dryRun();
  };
  const reject = () => {
    if (!decision.reject()) comment.current?.focus();
  };
  useRegisterActions(
    isOpen && !reason
      ? [
          { label: "Approve plan", group: "Decision", keys: "a", run: confirm },
          { label: "Reject request", group: "Decision", keys: "x", run: () => comment.current?.focus() },
        ]
      : [],
  );
  if (!isOpen && !decision.error) return null;
  return (
    <section
      aria-label="Decision"
      className={cn(
        "sticky z-20 flex flex-col gap-2 border-line border-t bg-float px-4 py-3 shadow-float",
        inPanel ? "bottom-0 -mx-4 -mb-3" : "bottom-14 -mx-4 md:bottom-0 md:-mx-6 md:px-6",
      )}
    >
      {decision.error != null && !confirming && <Refused error={decision.error} outdated={decision.outdated} />}
      {decision.changed && (
        <div role="alert" className="flex flex-wrap items-center gap-2 rounded-md bg-waiting-soft px-3 py-2">
          <GitCompareArrows aria-hidden className="size-4 shrink-0 text-waiting" />
          <p className="min-w-0 flex-1">
            The plan or the request changed since you looked. What you see now is what would be decided.
          </p>
          <Button size="sm" onClick={decision.look}>
            Go on with the new plan
          </Button>
        </div>
      )}
      {isOpen && (
        <>
          <Binds approval={approval} />
          <div className="flex flex-wrap items-start gap-2">
            <div className="min-w-48 flex-1 basis-full sm:basis-0">
              <label htmlFor={commentId} className="sr-only">
                Comment
              </label>
              <TextArea
                ref={comment}
                id={commentId}
                rows={1}
                maxLength={MAX_COMMENT}
                dir="auto"
                placeholder="Comment; needed to reject"
                value={decision.comment}
                onChange={(event) => decision.setComment(event.target.value)}
                aria-invalid={decision.commentErrors.length > 0 || undefined}
                aria-describedby={decision.commentErrors.length > 0 ? `${commentId}-errors` : undefined}
                onKeyDown={(event) => {
                  if (event.key === "Escape") event.currentTarget.blur();
                }}
                className="field-sizing-content max-h-40 min-h-8! resize-none"
              />
              {decision.commentErrors.length > 0 && (
                <ul id={`${commentId}-errors`} className="mt-1 text-failed text-sm">
                  {decision.commentErrors.map((error) => (
                    <li key={error}>{error}</li>
                  ))}
                </ul>
              )}
            </div>
            <Button
              icon={<X aria-hidden className="size-4" />}
              reason={reason}
              busy={decision.busy === "reject" && "Rejecting"}
              onClick={reject}
            >
              Reject request
            </Button>
            <Button
              variant="primary"
              icon={<Check aria-hidden className="size-4" />}
              reason={reason}
              busy={decision.busy === "approve" && !confirming && "Approving"}
              onClick={isHighRisk(approval.requestKind, approval.tier) ? confirm : decision.approve}
            >
              Approve plan
            </Button>
          </div>
          {!approval.canDecide && <p className="text-muted text-sm">{reason}</p>}
        </>
      )}
      {confirming && <ApproveDialog approval={approval} decision={decision} close={() => setConfirming(false)} />}
    </section>
  );
}

/** Why the caller cannot decide now. */
function reasonOf({ canDecide, cannotDecideReason, name }: Approval, { changed }: Decision): string | undefined {
  if (!canDecide) return cannotDecideReason.replaceAll(name, "This approval") || "You may not decide this.";
  return changed ? "Look at the new plan first." : undefined;
}

function Binds({ approval: { planDigest, contentHash, expireTime } }: { approval: Approval }) {
  return (
    <p className="text-muted text-sm">
      {planDigest && (
        <>
          Binds plan <code title={planDigest}>{shortDigest(planDigest)}</code> of request content{" "}
        </>
      )}
      {!planDigest && "Binds request content "}
      <code title={contentHash}>{shortDigest(contentHash)}</code>: another plan or a change of the request voids it.{" "}
      {expireTime && (
        <>
          Expires <RelativeTime time={expireTime} />.
        </>
      )}
    </p>
  );
}

/** Nothing was decided, and why. */
function Refused({ error, outdated }: { error: unknown; outdated: Decision["outdated"] }) {
  if (!outdated) return <ErrorNotice error={error} />;
  return (
    <div role="alert" className="flex items-start gap-2 rounded-md bg-waiting-soft px-3 py-2">
      <GitCompareArrows aria-hidden className="mt-0.5 size-4 shrink-0 text-waiting" />
      <div>
        <p className="font-semibold">
          {outdated === "changed" ? "The plan changed since you looked" : "Somebody else decided meanwhile"}
        </p>
        <p>Nothing was decided by you. Look at what it is now, then decide again.</p>
      </div>
    </div>
  );
}

/** The dry run before the approval; where something is destroyed at high risk, the code has to be typed. */
function ApproveDialog({ approval, decision, close }: { approval: Approval; decision: Decision; close: () => void }) {
  const { requestCode, requestKind, tier, plan, state } = approval;
  const error = decision.error ?? decision.dryRunError;
  const busy = decision.busy === "approve" && "Approving";
  const shared = {
    open: state === ApprovalState.PENDING || error != null,
    onOpenChange: (open: boolean) => !open && close(),
    title: `Approve ${requestCode}`,
    description: plan && `${planSentence(plan)} in ${tierWord(tier).toLowerCase()}.`,
  };
  if (isHighRisk(requestKind, tier) && (plan?.destroy ?? 0) > 0) {
    return (
      <ConfirmRisk
        {...shared}
        confirmText={requestCode}
        action="Approve plan"
        effects={decision.changed ? undefined : decision.effects}
        onConfirm={decision.approve}
        busy={busy}
        error={error}
      />
    );
  }
  const reason =
    (decision.changed && "The plan changed: look at it first.") ||
    (!decision.effects && "The dry run has not answered yet.");
  return (
    <Dialog
      {...shared}
      footer={
        <>
          <Button onClick={close}>Keep it waiting</Button>
          <Button variant="primary" reason={reason} busy={busy} onClick={decision.approve} autoFocus>
            Approve plan
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {error != null && (
          <Refused error={error} outdated={decision.outdated ?? (decision.changed ? "changed" : undefined)} />
        )}
        {decision.effects && <EffectsPreview effects={decision.effects} />}
        {!decision.effects && decision.dryRunError == null && <Skeleton lines={4} />}
      </div>
    </Dialog>
  );
}
