// A person's decision about an approval: what they have looked at is what it binds (R147, CONTENT_CHANGED).

import { createConnectQueryKey, useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { transport } from "~/api/client";
import { ErrorReason, problemOf } from "~/api/errors";
import { queryClient, refreshObjects } from "~/api/queries";
import { type Approval, ApprovalService, ApprovalState } from "~/gen/flagstone/v1/approval_service_pb";
import type { Effects } from "~/gen/flagstone/v1/effects_pb";
import { useRequestId } from "./use-request-id";

/** Longer ones are refused. */
export const MAX_COMMENT = 4_000;

export interface Decision {
  comment: string;
  setComment: (comment: string) => void;
  /** What is wrong with the comment, in the form's words or the server's. */
  commentErrors: readonly string[];
  /** True where content or plan are no longer those the person looked at. */
  changed: boolean;
  /** They have looked at what it is now. */
  look: () => void;
  approve: () => void;
  /** False where the comment is blank: nothing was sent. */
  reject: () => boolean;
  /** What approving would do. */
  dryRun: () => void;
  effects: Effects | undefined;
  dryRunError: unknown;
  busy: "approve" | "reject" | undefined;
  /** What was decided here. */
  decided: ApprovalState | undefined;
  error: unknown;
  /** Why nothing was decided: it is no longer what was looked at. */
  outdated: "changed" | "decided" | undefined;
}

export function useDecision(approval: Approval, onDecided?: (approval: Approval) => void): Decision {
  // A new plan opens another approval in place of this one: what was looked at stays what it was.
  const [seen, setSeen] = useState(approval);
  const [comment, setComment] = useState("");
  const [isBlank, setIsBlank] = useState(false);
  const body = {
    name: seen.name,
    contentHash: seen.contentHash,
    planDigest: seen.planDigest,
    comment: comment.trim(),
    etag: seen.name === approval.name ? approval.etag : seen.etag,
  };
  const approveId = useRequestId(["approve", body]);
  const rejectId = useRequestId(["reject", body]);
  const outcome = {
    onSuccess: ({ approval: after }: { approval?: Approval | undefined }) => {
      setComment("");
      refreshObjects(["approval", "request"]);
      if (!after) return;
      const { name } = after;
      const schema = ApprovalService.method.getApproval;
      queryClient.setQueryData(
        createConnectQueryKey({ schema, input: { name }, transport, cardinality: "finite" }),
        after,
      );
      onDecided?.(after);
    },
    // Whatever the reason: what is shown may no longer be so.
    onError: () => refreshObjects(["approval", "request"]),
  };
  const approve = useMutation(ApprovalService.method.approveApproval, outcome);
  const reject = useMutation(ApprovalService.method.rejectApproval, outcome);
  const dryRun = useMutation(ApprovalService.method.approveApproval);

  const error = reject.error ?? approve.error;
  const problem = error ? problemOf(error) : undefined;
  const ofComment = (problem?.fields ?? []).filter(({ field }) => field === "comment").map(({ message }) => message);
  const commentErrors = isBlank && comment.trim() === "" ? ["Say why: the requester sees it."] : ofComment;
  return {
    comment,
    setComment: (text) => {
      setComment(text);
      if (error) {
        approve.reset();
        reject.reset();
      }
    },
    commentErrors,
    changed:
      approval.state === ApprovalState.PENDING &&
      (seen.name !== approval.name ||
        seen.contentHash !== approval.contentHash ||
        seen.planDigest !== approval.planDigest),
    look: () => {
      setSeen(approval);
      approve.reset();
      reject.reset();
      dryRun.reset();
    },
    approve: () => {
      reject.reset();
      approve.mutate({ ...body, requestId: approveId.id });
    },
    reject: () => {
      approve.reset();
      setIsBlank(comment.trim() === "");
      if (comment.trim() === "") return false;
      reject.mutate({ ...body, requestId: rejectId.id });
      return true;
    },
    dryRun: () => dryRun.mutate({ ...body, requestId: crypto.randomUUID(), validateOnly: true }),
    effects: dryRun.data?.effects,
    dryRunError: dryRun.error,
    busy: approve.isPending ? "approve" : reject.isPending ? "reject" : undefined,
    decided: (approve.data ?? reject.data)?.approval?.state,
    error: ofComment.length > 0 ? undefined : error,
    outdated: problem && outdatedBy(problem.reason, approval.state),
  };
}

/** The etag also changes when somebody else decides about the same plan. */
function outdatedBy(reason: ErrorReason, state: ApprovalState): Decision["outdated"] {
  if (reason === ErrorReason.CONTENT_CHANGED) return "changed";
  if (reason !== ErrorReason.ETAG_MISMATCH && reason !== ErrorReason.WRONG_STATE) return undefined;
  return state === ApprovalState.SUPERSEDED ? "changed" : "decided";
}
