import { describe, expect, it } from "vitest";
import { newCondition, newRule, rulesOf, ruleWords } from "./trust-rules";

describe("rulesOf", () => {
  it("trims what was typed and keeps the order", () => {
    const rule = newRule(" https://ci.example.org ", "sub");
    rule.conditions = [newCondition(" repository ", " acme/shop "), newCondition("ref", "")];
    expect(rulesOf([rule])).toEqual([
      {
        issuer: "https://ci.example.org",
        conditions: [
          { claim: "repository", value: "acme/shop" },
          { claim: "ref", value: "" },
        ],
      },
    ]);
  });
});

describe("ruleWords", () => {
  it("says what is equal and what only begins so", () => {
    const words = ruleWords({
      issuer: "https://ci.example.org",
      conditions: [newCondition("repository", "acme/shop"), newCondition("ref", "refs/heads/*")] as never,
    });
    expect(words).toBe(
      "Tokens of https://ci.example.org in which `repository` is `acme/shop` and `ref` begins with `refs/heads/`.",
    );
  });
});
