import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  PlanSummarySchema,
  ResourceAction,
  type ResourceChange,
  ResourceChangeSchema,
} from "~/gen/flagstone/v1/request_service_pb";
import { groupChanges, openAtFirst, plainText, planSentence, rowsOf, searchChanges } from "./plan";

const resource = (address: string, action: ResourceAction, paths: string[] = ["id"]): ResourceChange =>
  create(ResourceChangeSchema, {
    address,
    action,
    attributes: paths.map((path) => ({
      path,
      after: { kind: { case: "stringValue" as const, value: `value of ${path}` } },
    })),
  });

const changes = [
  resource("a.created", ResourceAction.CREATE),
  resource("b.destroyed", ResourceAction.DESTROY, ["id", "name"]),
  resource("c.replaced", ResourceAction.REPLACE),
  resource("d.read", ResourceAction.READ, []),
];
const none = { open: new Set<string>(), closed: new Set<ResourceAction>() };
const shape = (state: Parameters<typeof rowsOf>[1], only?: Set<ResourceChange>) =>
  rowsOf(groupChanges(changes), state, only).map((row) => {
    if (row.kind === "group") return `${ResourceAction[row.action]} ${row.count}`;
    if (row.kind === "resource") return `- ${row.change.address}`;
    return row.kind === "attribute" ? `-- ${row.attribute.path}` : "-- nothing";
  });

describe("the tree of a plan", () => {
  test("begins with what is lost, and opens it", () => {
    expect(shape({ ...none, open: openAtFirst(changes) })).toEqual([
      "REPLACE 1",
      "- c.replaced",
      "-- id",
      "DESTROY 1",
      "- b.destroyed",
      "-- id",
      "-- name",
      "CREATE 1",
      "- a.created",
      "READ 1",
      "- d.read",
    ]);
  });

  test("of a few resources is open as a whole, of very many closed", () => {
    expect(openAtFirst(changes.slice(0, 1)).size).toBe(1);
    const many = Array.from({ length: 5_000 }, (_, index) => resource(`x[${index}]`, ResourceAction.DESTROY));
    expect(openAtFirst(many).size).toBe(0);
    expect(rowsOf(groupChanges(many), none)).toHaveLength(5_001);
  });

  test("leaves out closed groups and what a search did not find", () => {
    expect(shape({ ...none, closed: new Set([ResourceAction.REPLACE]) })[1]).toBe("DESTROY 1");
    expect(shape(none, searchChanges(changes, "NAME value"))).toEqual(["DESTROY 1", "- b.destroyed"]);
    expect(searchChanges(changes, "  ")).toBeUndefined();
  });
});

test.each([
  [{ add: 4 }, "Creates 4 resources"],
  [{ add: 1 }, "Creates 1 resource"],
  [{ add: 2, change: 1, destroy: 3 }, "Destroys 3 resources, creates 2 and changes 1"],
  [{ change: 1, destroy: 1200 }, "Destroys 1,200 resources and changes 1"],
  [{}, "Changes no resources"],
])("%j is: %s", (summary, sentence) => {
  expect(planSentence(create(PlanSummarySchema, summary))).toBe(sentence);
});

test("what was applied is told in the past", () => {
  const summary = create(PlanSummarySchema, { add: 1, change: 2, destroy: 1 });
  expect(planSentence(summary, "past")).toBe("Destroyed 1 resource, created 1 and changed 2");
});

test("a terminal's sequences are taken out of the engine's text", () => {
  expect(plainText("\u001b[1m\u001b[32m+\u001b[0m create\r\n\u001b]8;;x\u0007link\u001b]8;;\u0007")).toBe(
    "+ create\nlink",
  );
});
