import { expect, test } from "vitest";
import { answersOf, batches, keyOf } from "./checks";

const check = (number: number) => ({ permission: "business_unit:jobs:read", object: `jobs/${number}` });

test("each question is asked once, and in one order", () => {
  expect(batches([check(2), check(1), check(2)])).toEqual([[check(1), check(2)]]);
  expect(batches([check(1), check(2)])).toEqual(batches([check(2), check(1)]));
  expect(batches([])).toEqual([]);
});

test("no call has more questions than the server takes", () => {
  const many = Array.from({ length: 450 }, (_, number) => check(number));
  expect(batches(many).map((batch) => batch.length)).toEqual([200, 200, 50]);
});

test("answers are found by their question", () => {
  const answer = { ...check(1), allowed: false, message: "Not granted.", remedy: "" };
  expect(answersOf([answer])[keyOf(check(1))]).toBe(answer);
});
