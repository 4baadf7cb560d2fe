import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { keyStates } from "./signing-keys";

const key = (activate: number, retire?: number) => ({
  activateTime: timestampFromMs(activate),
  retireTime: retire === undefined ? undefined : timestampFromMs(retire),
});

it("says which key signs, which will, and which are only believed", () => {
  const keys = [key(2_000), key(1_000, 5_000), key(500, 1_800), key(100, 900)];
  expect(keyStates(keys, 1_500)).toEqual(["waiting", "signing", "verifying", "retired"]);
  expect(keyStates(keys, 2_000)).toEqual(["signing", "verifying", "retired", "retired"]);
  expect(keyStates([], 0)).toEqual([]);
});
