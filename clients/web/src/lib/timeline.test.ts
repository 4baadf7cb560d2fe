import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { TimelineEntrySchema } from "~/gen/flagstone/v1/request_service_pb";
import { eventWords, foldSteps, mergeEntries } from "./timeline";

const entry = (number: number, event: string, principal = "system") =>
  create(TimelineEntrySchema, { number, event, principal });

const submitted = entry(1, "submitted", "users/dev");
const steps = [entry(2, "planned", "runners/one"), entry(3, "approval_opened")];

test("steps of the platform between what people did are one line", () => {
  const items = foldSteps([submitted, ...steps, entry(4, "approved", "users/it"), entry(5, "apply_started")]);
  expect(items.map((item) => (item.kind === "steps" ? item.entries.length : item.entry.event))).toEqual([
    "submitted",
    2,
    "approved",
    "apply_started",
  ]);
});

test("the latest steps stand alone, and so do failures", () => {
  expect(foldSteps([submitted, ...steps])).toHaveLength(3);
  expect(foldSteps([submitted, ...steps, entry(4, "failed"), entry(5, "retried", "users/dev")])).toHaveLength(4);
});

test("entries that come twice are one", () => {
  expect(mergeEntries([submitted, ...steps], [...steps, entry(4, "approved")]).map(({ number }) => number)).toEqual([
    1, 2, 3, 4,
  ]);
});

test("an event of a newer server has its own words", () => {
  expect(eventWords("freeze_lifted")).toBe("freeze lifted");
});
