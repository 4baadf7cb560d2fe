import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  OnboardingStepKind as Kind,
  OnboardingStepSchema,
  OnboardingStepState as State,
} from "~/gen/flagstone/v1/organization_service_pb";
import { codeFor, shownStep, stepsOf } from "./onboarding";

const steps = (...found: [Kind, State][]) =>
  stepsOf(found.map(([kind, state]) => create(OnboardingStepSchema, { kind, state })));

test("the first open step is shown, unless another is asked for", () => {
  const found = steps([Kind.ORGANIZATION, State.DONE], [Kind.BUSINESS_UNIT, State.SKIPPED], [Kind.RUNNER, State.OPEN]);
  expect(shownStep(found, undefined)?.id).toBe("runner");
  expect(shownStep(found, "organization")?.id).toBe("organization");
  expect(shownStep(found, "no such step")?.id).toBe("runner");
  expect(shownStep(steps([Kind.ORGANIZATION, State.DONE]), undefined)?.id).toBe("organization");
  expect(shownStep([], undefined)).toBeUndefined();
});

test("a step of a newer server is left out", () => {
  expect(steps([99 as Kind, State.OPEN], [Kind.RUNNER, State.OPEN]).map(({ id }) => id)).toEqual(["runner"]);
});

test("a code is made of what a code may have", () => {
  expect(codeFor("Engineering")).toBe("ENGINEERING");
  expect(codeFor("Café & Küche 24")).toBe("CAFE-KUCHE-24");
  expect(codeFor("3rd party")).toBe("RD-PARTY");
  expect(codeFor("مستودع")).toBe("");
  expect(codeFor("A very long name of a division")).toBe("A-VERY-LONG-NAME-OF");
});
