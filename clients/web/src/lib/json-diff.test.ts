import { create } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { childPath, compareJson, jsonOf } from "./json-diff";

const changes = (before: Parameters<typeof compareJson>[0], after: Parameters<typeof compareJson>[0]) =>
  compareJson(before, after).map(({ path, change }) => `${change} ${path}`);

describe("two values", () => {
  test("are compared leaf by leaf, keys in any order", () => {
    const before = { name: "shop", tags: { team: "a", old: true }, zones: ["x", "y"] };
    const after = { zones: ["x", "z", "w"], tags: { team: "b" }, name: "shop", size: 2 };
    expect(changes(before, after)).toEqual([
      "same name",
      "added size",
      "removed tags.old",
      "changed tags.team",
      "same zones[0]",
      "changed zones[1]",
      "added zones[2]",
    ]);
  });

  test("of unlike kinds are one change", () => {
    expect(changes({ a: [1] }, { a: { b: 1 } })).toEqual(["changed a"]);
    expect(changes({ a: null }, { a: {} })).toEqual(["changed a"]);
  });

  test("show each leaf of what is new, and empty ones too", () => {
    expect(changes({}, { a: { b: 1, c: [] } })).toEqual(["added a.b", "added a.c"]);
    expect(changes({ a: { b: 1 } }, {})).toEqual(["removed a.b"]);
    expect(changes({ a: {} }, { a: {} })).toEqual(["same a"]);
  });

  test("may have keys that every object has", () => {
    expect(changes({}, { constructor: 1 })).toEqual(["added constructor"]);
  });
});

test.each([
  ["", "a", "a"],
  ["a", "b", "a.b"],
  ["a", 3, "a[3]"],
  ["a", "b.c", 'a["b.c"]'],
  ["", "x y", '["x y"]'],
])("the path of %j and %j is %s", (parent, key, path) => {
  expect(childPath(parent, key)).toBe(path);
});

test("a value that is unset is not null", () => {
  expect(jsonOf(undefined)).toBeUndefined();
  expect(jsonOf(create(ValueSchema, { kind: { case: "nullValue", value: 0 } }))).toBeNull();
  expect(jsonOf(create(ValueSchema, { kind: { case: "numberValue", value: 3 } }))).toBe(3);
});
