import { expect, test } from "vitest";
import { isWholeCode, userCodeOf } from "./user-code";

test("a code reads the same however it is typed", () => {
  for (const typed of ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "b-c-d-f-g-h-j-k", "bcdfghjkl"]) {
    expect(userCodeOf(typed)).toBe("BCDF-GHJK");
  }
});

test("what is typed so far stays as it is", () => {
  expect(userCodeOf("bcd")).toBe("BCD");
  expect(userCodeOf("bcdf")).toBe("BCDF");
  expect(userCodeOf("bcdf-")).toBe("BCDF");
  expect(userCodeOf("bcdfg")).toBe("BCDF-G");
  expect(userCodeOf("%_\u202e\u0000")).toBe("");
});

test("only a whole code is asked for", () => {
  expect(isWholeCode("BCDF-GHJK")).toBe(true);
  expect(isWholeCode("BCDF-GHJ")).toBe(false);
});
