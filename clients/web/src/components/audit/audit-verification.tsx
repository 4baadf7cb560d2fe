// Was anything changed since it was sealed? The newest signed head, a range verified by the server, and how to check it all
// without the server.

import { useQuery } from "@connectrpc/connect-query";
import { CircleCheck, CircleX } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { ErrorReason, problemOf } from "~/api/errors";
import { CopyButton } from "~/components/copy-button";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { ExactTime } from "~/components/exact-time";
import { Facts, Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { ProgressLine } from "~/components/state-badge";
import { type AuditCheckpoint, AuditService } from "~/gen/flagstone/v1/audit_service_pb";
import { save } from "~/lib/download";
import { formatNumber } from "~/lib/format";
import { findingEntries, findingWord, type Verified, verdictOf, verifyAudit } from "~/lib/verify-audit";
import { Button } from "~/ui/button";
import { Words } from "~/ui/words";
import { Hash } from "./event-proof";
import { SealedExport } from "./sealed-export";
import { SeqField, useSeqRange } from "./seq-range";

export function AuditVerificationView({ onOpen }: { onOpen: (event: string) => void }) {
  const query = useQuery(AuditService.method.getAuditCheckpoint, {});
  // Before the first event there is nothing to sign.
  if (query.error != null && problemOf(query.error).reason === ErrorReason.WRONG_STATE) {
    return <EmptyState>Nothing is sealed yet. The first event is, within two seconds.</EmptyState>;
  }
  return (
    <QueryView query={query} title="The signed head could not be read">
      {(checkpoint) => (
        <div className="grid items-start gap-x-8 gap-y-6 lg:grid-cols-2">
          <Checkpoint checkpoint={checkpoint} onRefresh={() => void query.refetch()} />
          <Range size={checkpoint.size} onOpen={onOpen} />
          <SealedExport size={checkpoint.size} />
          <WithoutUs />
        </div>
      )}
    </QueryView>
  );
}

function Checkpoint({ checkpoint, onRefresh }: { checkpoint: AuditCheckpoint; onRefresh: () => void }) {
  const { size, rootHash, time, keyId, note, purged } = checkpoint;
  return (
    <Section
      title="Newest signed head"
      actions={
        <Button size="sm" variant="ghost" onClick={onRefresh}>
          Read again
        </Button>
      }
    >
      <p className="text-muted">
        Keep it elsewhere: whoever holds an older head can prove that nothing before it was changed.
      </p>
      <Facts
        facts={[
          ["Entries", formatNumber(size)],
          ["Signed", <ExactTime key="time" time={time} />],
          [
            "Signing key",
            <code key="key" className="break-all">
              {keyId}
            </code>,
          ],
          ["Root hash", <Hash key="root" bytes={rootHash} label="Copy the root hash" />],
          purged > 0n && ["Purged", `${formatNumber(purged)} from the beginning; their leaf hashes are kept`],
        ]}
      />
      <div className="flex flex-wrap items-center gap-2">
        <Button
          size="sm"
          onClick={() => save(new Blob([note], { type: "text/plain" }), `flagstone-checkpoint-${size}.txt`)}
        >
          Save signed head
        </Button>
        <CopyButton text={note} label="Copy the signed head" />
      </div>
    </Section>
  );
}

function Range({ size, onOpen }: { size: bigint; onOpen: (event: string) => void }) {
  const { from, to, setFrom, setTo, range, reason } = useSeqRange();
  const [verified, setVerified] = useState<Verified>();
  const [error, setError] = useState<unknown>();
  const [running, setRunning] = useState<AbortController>();
  const latest = useRef<AbortController>(undefined);
  latest.current = running;
  useEffect(() => () => latest.current?.abort(), []);
  const start = async () => {
    const abort = new AbortController();
    setRunning(abort);
    setVerified(undefined);
    setError(undefined);
    try {
      await verifyAudit(...range, setVerified, abort.signal);
    } catch (failure) {
      if (!abort.signal.aborted) setError(failure);
    } finally {
      setRunning((now) => (now === abort ? undefined : now));
    }
  };
  const [first, last] = range;
  const wanted = (last || size) - (first || 1n) + 1n;
  const done = verified ? verified.toSeq - verified.fromSeq + 1n : 0n;
  return (
    <Section title="Verify entries">
      <p className="text-muted">
        Computes every hash anew from what is stored, and holds the tree against the signed head.
      </p>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!reason && !running) void start();
        }}
      >
        <div className="grid gap-3 sm:grid-cols-2">
          <SeqField label="First entry" help="Empty: from the beginning." value={from} onChange={setFrom} />
          <SeqField label="Last entry" help="Empty: to the end." value={to} onChange={setTo} />
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <Button type="submit" variant="primary" reason={reason} busy={running && "Verifying"}>
            Verify entries
          </Button>
          {running && <Button onClick={() => running.abort()}>Cancel verification</Button>}
        </div>
      </form>
      {running && (
        <ProgressLine
          label="Verification"
          percent={wanted > 0n ? Math.min(Number((done * 100n) / wanted), 100) : undefined}
        />
      )}
      {error !== undefined && <ErrorNotice error={error} title="The verification stopped" />}
      {verified && (!running || !verified.ok) && <Verdict verified={verified} onOpen={onOpen} />}
    </Section>
  );
}

function Verdict({ verified, onOpen }: { verified: Verified; onOpen: (event: string) => void }) {
  const { ok, findings, findingCount, checkpoint } = verified;
  const Icon = ok ? CircleCheck : CircleX;
  return (
    <div role={ok ? "status" : "alert"} className="flex flex-col gap-2">
      <div className="flex items-start gap-2">
        <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${ok ? "text-succeeded" : "text-failed"}`} />
        <div>
          <p className="font-semibold">{verdictOf(verified)}</p>
          {checkpoint && (
            <p className="text-muted">
              Held against the head of {formatNumber(checkpoint.size)} entries that was signed at{" "}
              <ExactTime time={checkpoint.time} />.
            </p>
          )}
        </div>
      </div>
      {findings.length > 0 && (
        <ul aria-label="What was found" className="border-line border-t">
          {findings.map((finding) => (
            <li key={`${finding.kind}/${finding.seq}`} className="flex flex-col border-line border-b py-1.5">
              <p className="font-medium">
                {findingWord(finding.kind)}
                {findingEntries(finding) && `: entry ${findingEntries(finding)}`}
              </p>
              <p dir="auto">
                <Words text={finding.message} />
              </p>
              {finding.auditEvent && (
                <div>
                  <Button size="sm" onClick={() => onOpen(finding.auditEvent)}>
                    Open event
                  </Button>
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {findingCount > BigInt(findings.length) && (
        <p className="text-muted">
          These are the first of each part. An export that flagstone-verify checks shows the others.
        </p>
      )}
    </div>
  );
}

/** What one does on a machine of one's own. */
function WithoutUs() {
  const origin = window.location.origin;
  const commands: readonly (readonly [string, string])[] = [
    ["Write the sealed entries to a file.", "flagstone audit export --to audit.ndjson"],
    ["Get the public keys, once, over a way that you trust.", `curl -o keys.json ${origin}/.well-known/jwks.json`],
    ["Check the file.", "flagstone-verify audit.ndjson --key keys.json"],
    [
      "Check also that it continues an older export or signed head.",
      "flagstone-verify audit.ndjson --key keys.json --previous older.ndjson",
    ],
  ];
  return (
    <Section title="Check it without us">
      <p className="text-muted">
        flagstone-verify is a program of its own: it needs the file and the public keys, and no network and no server.
        It names every entry that was changed, removed, inserted or moved.
      </p>
      <ol className="flex flex-col gap-3">
        {commands.map(([what, command]) => (
          <li key={command} className="flex min-w-0 flex-col gap-0.5">
            {what}
            <span className="flex min-w-0 items-center gap-1">
              <code className="min-w-0 break-all rounded-sm bg-sunken px-1.5 py-0.5 text-sm">{command}</code>
              <CopyButton text={command} label="Copy the command" />
            </span>
          </li>
        ))}
      </ol>
    </Section>
  );
}
