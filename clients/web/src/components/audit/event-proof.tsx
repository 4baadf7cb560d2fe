// The proof that one event is in the signed tree, followed here in the browser.

import { useQuery } from "@connectrpc/connect-query";
import { useQuery as useAnswer } from "@tanstack/react-query";
import { CircleCheck, CircleX } from "lucide-react";
import { CopyButton } from "~/components/copy-button";
import { ExactTime } from "~/components/exact-time";
import { Skeleton } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { type AuditProof, AuditService } from "~/gen/flagstone/v1/audit_service_pb";
import { count, formatNumber } from "~/lib/format";
import { followInclusion, hex, type Inclusion, leafHash, sameBytes } from "~/lib/merkle";

/** Asks for the proof of an event, and follows it. */
export default function EventProof({ event }: { event: string }) {
  const query = useQuery(
    AuditService.method.getAuditProof,
    { of: { case: "auditEvent", value: event } },
    { staleTime: 0 },
  );
  return (
    <QueryView query={query} title="The proof could not be read" lines={3}>
      {(proof) => <Followed proof={proof} />}
    </QueryView>
  );
}

interface Outcome extends Inclusion {
  /** What does not fit; `undefined` where all does. */
  problem: string | undefined;
}

async function follow({
  seq,
  size,
  leaf,
  leafHash: stated,
  hashes,
  rootHash,
  checkpoint,
}: AuditProof): Promise<Outcome> {
  const found = await followInclusion(seq, size, stated, hashes);
  // Of a purged event only the hash is left.
  if (leaf.length > 0 && !sameBytes(await leafHash(leaf), stated))
    return { ...found, problem: "The event does not have the hash under which it was sealed." };
  if (!found.root || !sameBytes(found.root, rootHash))
    return { ...found, problem: "The path from the event does not lead to the root of the tree." };
  if (checkpoint?.size === size && !sameBytes(checkpoint.rootHash, rootHash))
    return { ...found, problem: "The root is not the one that was signed." };
  return { ...found, problem: undefined };
}

function Followed({ proof }: { proof: AuditProof }) {
  const { seq, size, checkpoint, leafHash: leaf, leaf: content } = proof;
  const { data } = useAnswer({
    queryKey: ["audit-proof", hex(leaf), `${seq}`, `${size}`, hex(proof.rootHash)],
    queryFn: () => follow(proof),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!data) return <Skeleton lines={3} />;
  const Icon = data.problem ? CircleX : CircleCheck;
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-start gap-2">
        <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${data.problem ? "text-failed" : "text-succeeded"}`} />
        <p>
          {data.problem ?? (
            <>
              This is entry {formatNumber(seq)} of the {formatNumber(size)} in the tree
              {checkpoint && (
                <>
                  {" "}
                  whose root was signed at <ExactTime time={checkpoint.time} />
                </>
              )}
              : {count(data.steps.length, "step")} lead from it to the root.
            </>
          )}
        </p>
      </div>
      <p className="text-muted text-sm">
        {content.length === 0 && "The time of the event was over and it was purged: its leaf hash is what is left. "}
        The hashes were computed in this browser. The signature is checked by flagstone-verify.
      </p>
      <details>
        <summary className="w-fit cursor-pointer text-muted text-sm">Show the steps</summary>
        <ol className="mt-1 flex flex-col gap-1.5 border-line border-l-2 pl-3">
          <Step label="Leaf" hash={leaf} />
          {data.steps.map(({ side, hash, result }, index) => (
            <li key={hex(result)} className="flex flex-col">
              <span className="text-muted text-sm">
                Step {index + 1}: with the hash on the {side}
              </span>
              <Hash bytes={hash} label={`Copy the hash of step ${index + 1}`} />
              <span className="text-muted text-sm">gives</span>
              <Hash bytes={result} label={`Copy what step ${index + 1} gives`} />
            </li>
          ))}
          <Step label="Root of the tree" hash={proof.rootHash} />
        </ol>
      </details>
    </div>
  );
}

function Step({ label, hash }: { label: string; hash: Uint8Array }) {
  return (
    <li className="flex flex-col">
      <span className="text-muted text-sm">{label}</span>
      <Hash bytes={hash} label={`Copy: ${label.toLowerCase()}`} />
    </li>
  );
}

/** A hash, to compare and to copy. */
export function Hash({ bytes, label }: { bytes: Uint8Array; label: string }) {
  const text = hex(bytes);
  return (
    <span className="inline-flex max-w-full items-center gap-1">
      <code className="min-w-0 break-all text-sm">{text}</code>
      <CopyButton text={text} label={label} />
    </span>
  );
}
