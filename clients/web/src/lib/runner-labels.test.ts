import { expect, test } from "vitest";
import { readLabels } from "./runner-labels";

test("labels are read however they are separated", () => {
  const wanted = { tier: "production", zone: "a" };
  for (const typed of ["tier=production,zone=a", " tier=production,  zone=a ", "tier=production\nzone=a"]) {
    expect(readLabels(typed)).toEqual({ labels: wanted, problem: undefined });
  }
  expect(readLabels("  ")).toEqual({ labels: {}, problem: undefined });
});

test("what is no label is told", () => {
  for (const typed of ["tier", "=a", "tier=", "a=1,a=2"]) expect(readLabels(typed).problem).toBeTruthy();
});
