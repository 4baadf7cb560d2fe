import { expect, it } from "vitest";
import { wordsOf } from "./words-of";

it("takes words apart, each once", () => {
  expect(wordsOf(" example.org,\nexample.net;example.org  a ")).toEqual(["example.org", "example.net", "a"]);
  expect(wordsOf(" \n ")).toEqual([]);
});
