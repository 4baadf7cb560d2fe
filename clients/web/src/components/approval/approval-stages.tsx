import { CircleCheck, CircleDashed, CircleX, Hand, Zap } from "lucide-react";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { type Approval, ApprovalMethod, ApprovalState, Verdict } from "~/gen/flagstone/v1/approval_service_pb";
import { idOf } from "~/lib/names";
import { Approvers } from "./approvers";

/** The stages of an approval: who is asked, how many have to say yes, who has said what. */
export function ApprovalStages({ approval }: { approval: Approval }) {
  const { stages, decisions, currentStage, state, method, policyReason, approvalPolicy } = approval;
  return (
    <div className="flex flex-col gap-3">
      {method === ApprovalMethod.POLICY ? (
        <p className="flex items-start gap-2">
          <Zap aria-hidden className="mt-0.5 size-4 shrink-0 text-succeeded" />
          <span>
            Approved by its policy: <span dir="auto">{policyReason}</span>
          </span>
        </p>
      ) : (
        <ol aria-label="Stages" className="flex flex-col gap-3">
          {stages.map(({ title, approvers, quorum, approved }, index) => {
            const verdicts = decisions.filter(({ stage }) => stage === index);
            const { icon: Icon, classes, word } = stageLook(approval, index);
            return (
              <li
                // biome-ignore lint/suspicious/noArrayIndexKey: the index is what decisions name
                key={index}
                aria-current={index === currentStage && state === ApprovalState.PENDING ? "step" : undefined}
                className="flex items-start gap-2"
              >
                <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${classes}`} />
                <div className="min-w-0 flex-1">
                  <p>
                    <span className="font-medium" dir="auto">
                      {title}
                    </span>
                    , <span className="tabular-nums">{`${approved} of ${quorum}`}</span>{" "}
                    <span className="text-muted">{word}</span>
                  </p>
                  <p className="text-muted">
                    <Approvers names={approvers} />
                  </p>
                  {verdicts.map((decision) => (
                    <div key={decision.principal} className="mt-1 border-line-strong border-l-2 pl-2">
                      <p>
                        <PrincipalChip name={decision.principal} />{" "}
                        {decision.verdict === Verdict.APPROVE ? "approved" : "rejected"}{" "}
                        <span className="text-muted text-sm">
                          <RelativeTime time={decision.time} />
                        </span>
                      </p>
                      {decision.comment && (
                        <p className="max-h-48 overflow-y-auto whitespace-pre-wrap text-muted" dir="auto">
                          {decision.comment}
                        </p>
                      )}
                    </div>
                  ))}
                </div>
              </li>
            );
          })}
        </ol>
      )}
      <p className="text-muted text-sm">
        Asked for by approval policy <code>{idOf(approvalPolicy)}</code>
      </p>
    </div>
  );
}

function stageLook({ state, currentStage, decisions }: Approval, index: number) {
  if (index < currentStage || (state === ApprovalState.APPROVED && index === currentStage)) {
    return { icon: CircleCheck, classes: "text-succeeded", word: "passed" };
  }
  if (decisions.some(({ stage, verdict }) => stage === index && verdict === Verdict.REJECT)) {
    return { icon: CircleX, classes: "text-failed", word: "rejected" };
  }
  if (state !== ApprovalState.PENDING) return { icon: CircleDashed, classes: "text-muted", word: "not decided" };
  if (index === currentStage) return { icon: Hand, classes: "text-person", word: "open" };
  return { icon: CircleDashed, classes: "text-muted", word: "comes later" };
}
