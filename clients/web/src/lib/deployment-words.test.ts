import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { DeploymentSchema, DeploymentState, OutputSchema } from "~/gen/flagstone/v1/deployment_service_pb";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { RequestKind, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { deploymentSentence, outputValues, permissionFor, stateReason } from "./deployment-words";

const deployment = (state: DeploymentState, request = RequestState.COMPLETED) =>
  create(DeploymentSchema, { state, currentRevision: 3, lastOperation: { kind: RequestKind.UPDATE, state: request } });

describe("what can be done with a deployment", () => {
  test.each([
    [DeploymentState.ACTIVE, true, true],
    [DeploymentState.FAILED, false, true],
    [DeploymentState.DELETE_FAILED, false, true],
    [DeploymentState.PENDING, false, false],
    [DeploymentState.DELETED, false, false],
  ])("in state %s: update %s, destroy %s", (state, update, destroy) => {
    expect(stateReason("update", deployment(state)) === undefined).toBe(update);
    expect(stateReason("delete", deployment(state)) === undefined).toBe(destroy);
  });

  test.each([RequestState.PLANNING, RequestState.PENDING_APPROVAL, RequestState.APPROVED, RequestState.APPLYING])(
    "is nothing while a request is %s",
    (state) => {
      expect(stateReason("update", deployment(DeploymentState.ACTIVE, state))).toContain("changing it");
      expect(stateReason("delete", deployment(DeploymentState.ACTIVE, state))).toContain("cancel it");
    },
  );

  test("needs the permission of its tier", () => {
    expect(permissionFor("delete", Tier.STAGING)).toBe("business_unit:deployments:delete:staging");
    expect(permissionFor("update", Tier.UNSPECIFIED)).toBe("business_unit:deployments:update:production");
  });
});

test("what is live is said with what happens to it", () => {
  expect(deploymentSentence(deployment(DeploymentState.ACTIVE))).toBe("Revision 3 is live.");
  expect(deploymentSentence(deployment(DeploymentState.ACTIVE, RequestState.FAILED))).toContain(
    "the last request failed",
  );
  expect(deploymentSentence(deployment(DeploymentState.UPDATING, RequestState.APPLYING))).toContain("being changed");
});

test("a sensitive output is never more than its mask", () => {
  const value = { kind: { case: "stringValue" as const, value: "hunter2" } };
  const outputs = [
    create(OutputSchema, { output: "key", value, sensitive: true }),
    create(OutputSchema, { output: "id", value }),
  ];
  expect(outputValues(outputs)).toEqual({ key: "••••••", id: "hunter2" });
});
