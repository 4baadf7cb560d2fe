import { expect, test } from "vitest";
import { BY_CREATION, readSort } from "./sort";

test.each([
  ["create_time", { sort: "create_time" }],
  ["create_time desc", {}],
  ["title", {}],
  [42, {}],
  [undefined, {}],
])("the order %j of an address", (sort, expected) => {
  expect(readSort(BY_CREATION, { sort })).toEqual(expected);
});
