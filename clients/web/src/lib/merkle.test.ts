import { describe, expect, it } from "vitest";
import { followInclusion, hex, leafHash, sameBytes } from "./merkle";

const bytes = (text: string) => new TextEncoder().encode(text);

async function node(left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.of(1, ...left, ...right)));
}

/** The tree of RFC 6962, 2.1, and the path of one leaf in it, the plain way. */
async function tree(leaves: readonly Uint8Array[]): Promise<Uint8Array> {
  const [only] = leaves;
  if (leaves.length === 1 && only) return only;
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return node(await tree(leaves.slice(0, half)), await tree(leaves.slice(half)));
}

async function path(index: number, leaves: readonly Uint8Array[]): Promise<Uint8Array[]> {
  if (leaves.length === 1) return [];
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return index < half
    ? [...(await path(index, leaves.slice(0, half))), await tree(leaves.slice(half))]
    : [...(await path(index - half, leaves.slice(half))), await tree(leaves.slice(0, half))];
}

describe("followInclusion", () => {
  it("leads from every leaf of every small tree to its root", async () => {
    for (let size = 1; size <= 17; size += 1) {
      const leaves = await Promise.all(Array.from({ length: size }, (_, index) => leafHash(bytes(`entry ${index}`))));
      const root = await tree(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const hashes = await path(index, leaves);
        const found = await followInclusion(BigInt(index + 1), BigInt(size), leaf, hashes);
        expect(hex(found.root ?? new Uint8Array())).toBe(hex(root));
        expect(found.steps).toHaveLength(hashes.length);
      }
    }
  });

  it("leads elsewhere from another leaf, from another place, and by a path of another length", async () => {
    const leaves = await Promise.all(["a", "b", "c", "d", "e"].map((text) => leafHash(bytes(text))));
    const root = await tree(leaves);
    const hashes = await path(2, leaves);
    const other = await followInclusion(3n, 5n, await leafHash(bytes("x")), hashes);
    expect(sameBytes(other.root ?? new Uint8Array(), root)).toBe(false);
    const moved = await followInclusion(2n, 5n, leaves[2] ?? new Uint8Array(), hashes);
    expect(sameBytes(moved.root ?? new Uint8Array(), root)).toBe(false);
    const short = await followInclusion(3n, 5n, leaves[2] ?? new Uint8Array(), hashes.slice(1));
    expect(short.root).toBeUndefined();
    const long = await followInclusion(3n, 5n, leaves[2] ?? new Uint8Array(), [...hashes, root]);
    expect(long.root).toBeUndefined();
    expect((await followInclusion(6n, 5n, root, hashes)).root).toBeUndefined();
    expect((await followInclusion(0n, 5n, root, hashes)).root).toBeUndefined();
  });
});

describe("leafHash", () => {
  it("is that of RFC 6962", async () => {
    expect(hex(await leafHash(new Uint8Array()))).toBe(
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    );
  });
});
