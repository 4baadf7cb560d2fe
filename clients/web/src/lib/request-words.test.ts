import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { FailedPhase, RequestKind, RequestSchema, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { isHighRisk, whatItDoes, whereItIs } from "./request-words";

const request = (state: RequestState, add?: number) =>
  create(RequestSchema, {
    kind: RequestKind.CREATE,
    tier: Tier.PRODUCTION,
    state,
    plan: add === undefined ? undefined : { add },
  });

test.each([
  [request(RequestState.PLANNING), "Makes a deployment in production"],
  [request(RequestState.PENDING_APPROVAL, 4), "Creates 4 resources in production"],
  [request(RequestState.COMPLETED, 4), "Created 4 resources in production"],
  [request(RequestState.REJECTED, 4), "Would have made a deployment in production"],
])("what a request does", (subject, words) => {
  expect(whatItDoes(subject)).toBe(words);
});

test("a failed request says in which phase", () => {
  const failed = create(RequestSchema, { state: RequestState.FAILED, failedPhase: FailedPhase.APPLY });
  expect(whereItIs(failed)).toBe("failed applying the plan");
});

test("production is of high risk, and destroying in staging", () => {
  expect(isHighRisk(RequestKind.CREATE, Tier.PRODUCTION)).toBe(true);
  expect(isHighRisk(RequestKind.DESTROY, Tier.STAGING)).toBe(true);
  expect(isHighRisk(RequestKind.UPDATE, Tier.STAGING)).toBe(false);
  expect(isHighRisk(RequestKind.DESTROY, Tier.DEVELOPMENT)).toBe(false);
});
