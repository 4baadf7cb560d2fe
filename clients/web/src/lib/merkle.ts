// Proofs of inclusion in an audit tree (RFC 6962), computed here: the browser need not believe the server's word.

/** One step of a proof: two hashes and what becomes of them. */
export interface ProofStep {
  /** On which side the hash of the proof stands. */
  side: "left" | "right";
  /** The hash that the proof gives. */
  hash: Uint8Array;
  /** The node above. */
  result: Uint8Array;
}

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

/** The hash of a leaf, of the bytes of an entry. */
export function leafHash(entry: Uint8Array): Promise<Uint8Array> {
  return sha256(Uint8Array.of(0), entry);
}

/** The hash of a node, of those below it. */
function nodeHash(left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  return sha256(Uint8Array.of(1), left, right);
}

export interface Inclusion {
  /** From the leaf to the root. */
  steps: ProofStep[];
  /** Where the path leads; `undefined` where it has not the length that this place in this tree has. */
  root: Uint8Array | undefined;
}

/** Follows the path from a leaf to the root: `seq` counts from 1, `size` is how many leaves the tree has (RFC 9162, 2.1.3.2). */
export async function followInclusion(
  seq: bigint,
  size: bigint,
  leaf: Uint8Array,
  hashes: readonly Uint8Array[],
): Promise<Inclusion> {
  const steps: ProofStep[] = [];
  let node = seq - 1n;
  let last = size - 1n;
  let result = leaf;
  if (seq < 1n || seq > size) return { steps, root: undefined };
  for (const hash of hashes) {
    if (last === 0n) return { steps, root: undefined };
    if (node % 2n === 1n || node === last) {
      result = await nodeHash(hash, result);
      steps.push({ side: "left", hash, result });
      // A node without a neighbour goes up as it is.
      while (node % 2n === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      result = await nodeHash(result, hash);
      steps.push({ side: "right", hash, result });
    }
    node >>= 1n;
    last >>= 1n;
  }
  return { steps, root: last === 0n ? result : undefined };
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** Bytes in hexadecimal, as the export writes them. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
