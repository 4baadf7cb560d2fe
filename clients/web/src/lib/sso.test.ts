import { expect, test } from "vitest";
import { failureWords, keepWay, leaveFor, takeWay } from "./sso";

test("each code of a failure has words, an unknown one too", () => {
  for (const code of ["sso_expired", "email_unverified", "identity_taken", "constructor", "new_in_2030"]) {
    const { title, text } = failureWords(code);
    expect(title, code).toMatch(/^[A-Z]/);
    expect(text, code).toMatch(/\.$/);
  }
  expect(failureWords("constructor")).toEqual(failureWords("new_in_2030"));
});

test("only web addresses are gone to", () => {
  const before = window.location.href;
  // jsdom cannot leave: it would say so for a web address.
  expect(() => leaveFor("javascript:alert(1)")).not.toThrow();
  expect(() => leaveFor("no address")).toThrow();
  expect(window.location.href).toBe(before);
});

test("the way one came is there once", () => {
  expect(takeWay()).toEqual({});
  keepWay({ to: "/jobs", organization: "acme" });
  expect(takeWay()).toEqual({ to: "/jobs", organization: "acme" });
  expect(takeWay()).toEqual({});
});
