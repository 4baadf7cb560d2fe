import { ShieldCheck, Zap } from "lucide-react";
import type { RequiredApproval } from "~/gen/flagstone/v1/effects_pb";
import { idOf } from "~/lib/names";
import { Approvers } from "./approvers";

/** Who will have to approve, stage by stage; or which policy does so by itself. */
export function RequiredApprovals({ approvals }: { approvals: readonly RequiredApproval[] }) {
  if (approvals.length === 0) return <p className="text-muted">Nobody has to approve it.</p>;
  return (
    <ol className="flex flex-col gap-2">
      {approvals.map(({ approvalPolicy, stage, quorum, approvers, autoApprovedReason }, index) => (
        <li
          // biome-ignore lint/suspicious/noArrayIndexKey: two stages of a policy may be called alike; their order is what they are
          key={index}
          className="flex items-start gap-2"
        >
          {autoApprovedReason ? (
            <Zap aria-hidden className="mt-0.5 size-4 shrink-0 text-succeeded" />
          ) : (
            <ShieldCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-person" />
          )}
          <div className="min-w-0">
            {autoApprovedReason ? (
              <p>
                Approved by itself: <span dir="auto">{autoApprovedReason}</span>
              </p>
            ) : (
              <p>
                {approvals.length > 1 && `Stage ${index + 1}: `}
                <span className="font-medium" dir="auto">
                  {stage}
                </span>
                , {quorum} of <Approvers names={approvers} />
              </p>
            )}
            <p className="text-muted text-sm">
              Approval policy <code>{idOf(approvalPolicy)}</code>
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}
