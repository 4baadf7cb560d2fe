import { expect, test } from "vitest";
import { passwordRules, personalParts, strengthWord } from "./password";
import { strengthOf } from "./password-strength";

const ADA = { username: "ada.lovelace", email: "Ada@example.org" };

function broken(password: string, classes = false): string[] {
  return passwordRules(password, ADA, classes, strengthOf(password, ADA))
    .filter(({ met }) => !met)
    .map(({ text }) => text);
}

// The server's own cases: `server/core/src/password.rs`.
test("good passwords break no rule", () => {
  for (const password of ["correct horse battery staple", "tr0mb0ne-Vexing-pillar", "ünïcödé wörter sind güt"]) {
    expect(broken(password), password).toEqual([]);
  }
  expect(broken("tr0mb0ne-Vexing-pillar", true)).toEqual([]);
  expect(broken("Kq7#vLp9!".repeat(100))).toEqual([]);
});

test("short, common and personal ones are told apart", () => {
  expect(broken("kX9#vQ2!pLz")).toEqual(["At least 12 characters"]);
  for (const password of ["password1234", "qwertyuiop12", "aaaaaaaaaaaaaaaa"]) {
    expect(
      broken(password).some((text) => text.startsWith("Hard to guess")),
      password,
    ).toBe(true);
  }
  expect(broken("vexing-ADA.lovelace-trombone")).toContain("Without the username and the e-mail address");
  expect(broken("vexing-ada@example.org-trombone")).toContain("Without the username and the e-mail address");
  expect(broken("x".repeat(1025))).toContain("At most 1024 bytes");
});

test("character classes count only where they are asked for", () => {
  expect(broken("correct horse battery staple", true)).toHaveLength(1);
});

test("nothing is claimed of an empty password, or before its strength is known", () => {
  expect(passwordRules("", {}, true, undefined).every(({ met }) => met === false)).toBe(true);
  expect(passwordRules("correct horse battery staple", {}, false, undefined).map(({ met }) => met)).toEqual([
    true,
    true,
    undefined,
  ]);
});

test("a very short username does not count", () => {
  expect(personalParts({ username: "c", email: "a@example.org" })).toEqual(["a@example.org"]);
});

test("each score has its word", () => {
  expect([0, 1, 2, 3, 4].map(strengthWord).every(Boolean)).toBe(true);
});
