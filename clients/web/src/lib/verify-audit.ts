// Verifying a range of the audit, call after call, and saying in words what was found.

import { createClient } from "@connectrpc/connect";
import { transport } from "~/api/client";
import {
  type AuditFinding,
  AuditFindingKind,
  AuditService,
  type AuditVerification,
} from "~/gen/flagstone/v1/audit_service_pb";
import { formatNumber } from "./format";

/** What several calls found together. */
export interface Verified {
  ok: boolean;
  findings: AuditFinding[];
  findingCount: bigint;
  fromSeq: bigint;
  toSeq: bigint;
  purged: bigint;
  /** Where it goes on; 0 where all of it was looked at. */
  nextSeq: bigint;
  checkpoint: AuditVerification["checkpoint"];
}

/** Adds the answer of the next call to what is known. */
export function joinVerified(before: Verified | undefined, answer: AuditVerification): Verified {
  return {
    ok: (before?.ok ?? true) && answer.ok,
    findings: [...(before?.findings ?? []), ...answer.findings],
    findingCount: (before?.findingCount ?? 0n) + answer.findingCount,
    fromSeq: before?.fromSeq ?? answer.fromSeq,
    toSeq: answer.toSeq,
    purged: (before?.purged ?? 0n) + answer.purged,
    nextSeq: answer.nextSeq,
    checkpoint: answer.checkpoint ?? before?.checkpoint,
  };
}

/** The verdict in a sentence. */
export function verdictOf({ ok, findingCount, fromSeq, toSeq, purged, nextSeq }: Verified): string {
  const range = `entries ${formatNumber(fromSeq)} to ${formatNumber(toSeq)}`;
  const rest = nextSeq === 0n ? "" : ` What follows entry ${formatNumber(toSeq)} was not looked at.`;
  const kept =
    purged === 0n
      ? ""
      : ` Of ${formatNumber(purged)} of them the time was over: they are purged, and their leaf hashes were checked.`;
  if (ok) return `Nothing was changed, removed or inserted in ${range}.${kept}${rest}`;
  const found = findingCount === 1n ? "One thing is" : `${formatNumber(findingCount)} things are`;
  return `${found} not as it was sealed in ${range}.${kept}${rest}`;
}

const KINDS: Partial<Record<AuditFindingKind, string>> = {
  [AuditFindingKind.CHANGED]: "Changed",
  [AuditFindingKind.REMOVED]: "Removed",
  [AuditFindingKind.INSERTED]: "Inserted",
  [AuditFindingKind.REORDERED]: "Moved",
  [AuditFindingKind.RENUMBERED]: "Renumbered",
  [AuditFindingKind.TAIL_CUT]: "Cut off",
  [AuditFindingKind.BLOCK]: "Changed in a block",
  [AuditFindingKind.ROOT]: "Another root",
  [AuditFindingKind.SIGNATURE]: "Wrong signature",
};

export function findingWord(kind: AuditFindingKind): string {
  return KINDS[kind] ?? "Not as sealed";
}

/** The entries that a finding is about: `12`, `12 to 40`; empty where it is about none. */
export function findingEntries({ seq, lastSeq }: Pick<AuditFinding, "seq" | "lastSeq">): string {
  if (seq === 0n) return "";
  return lastSeq > seq ? `${formatNumber(seq)} to ${formatNumber(lastSeq)}` : formatNumber(seq);
}

const client = createClient(AuditService, transport);

/** Verifies from an entry to another (0: the last one), and tells after every call how far it is. */
export async function verifyAudit(
  fromSeq: bigint,
  toSeq: bigint,
  onProgress: (verified: Verified) => void,
  signal: AbortSignal,
): Promise<void> {
  let verified: Verified | undefined;
  do {
    const answer = await client.verifyAudit({ fromSeq: verified?.nextSeq ?? fromSeq, toSeq }, { signal });
    verified = joinVerified(verified, answer);
    onProgress(verified);
  } while (verified.nextSeq !== 0n);
}
