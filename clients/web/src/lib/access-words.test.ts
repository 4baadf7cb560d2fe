import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  AccessEffect,
  AccessQuestionSchema,
  AccessReason,
  AccessStepSchema,
  BindingExplanationSchema,
} from "~/gen/flagstone/v1/access_service_pb";
import { askFor, bindingWords, objectWords, verdictWord } from "./access-words";

test("objects, collections and scopes are told apart", () => {
  expect(objectWords("")).toBe("the organization");
  expect(objectWords("businessUnits/-")).toBe("any business unit");
  expect(objectWords("businessUnits/eng")).toBe("business unit eng");
  expect(objectWords("businessUnits/eng/requests")).toBe("requests of business unit eng");
  expect(objectWords("businessUnits/eng/deployments/shop")).toBe("businessUnits/eng/deployments/shop");
  expect(objectWords("users")).toBe("users");
  expect(objectWords("users/ada")).toBe("users/ada");
});

test("a binding says what it gives, where, and through what", () => {
  const binding = (part: object) => bindingWords(create(BindingExplanationSchema, part));
  expect(binding({ role: "roles/developer", scope: "businessUnits/eng", through: "businessUnits/eng" })).toBe(
    "Gives what developer holds, in business unit eng, as a member of business unit eng",
  );
  expect(binding({ role: "roles/viewer", through: "groups/staff", effect: AccessEffect.DENY })).toBe(
    "Takes away what viewer holds, in the organization, through group staff",
  );
  expect(binding({ role: "roles/viewer", through: "users/ada" })).toBe("Gives what viewer holds, in the organization");
  expect(binding({})).toBe("Held by every active user");
});

test("a verdict has a word, also one of a newer server", () => {
  expect(verdictWord(true, AccessReason.UNSPECIFIED)).toBe("Allowed");
  expect(verdictWord(false, AccessReason.DENY_BINDING)).toBe("Taken away");
  expect(verdictWord(false, 99 as AccessReason)).toBe("Denied");
});

test("the message that asks names what, where, and the smallest change", () => {
  const question = create(AccessQuestionSchema, {
    principal: "users/ada",
    permission: "business_unit:jobs:read",
    object: "businessUnits/eng",
  });
  const step = create(AccessStepSchema, { message: "Give ada the role viewer in business unit eng." });
  expect(askFor(question, [step], "https://flagstone.example/jobs")).toBe(
    [
      "ada would like to have business_unit:jobs:read on business unit eng.",
      "",
      "The smallest change that gives it:",
      "- Give ada the role viewer in business unit eng.",
      "",
      "Needed on https://flagstone.example/jobs",
    ].join("\n"),
  );
});
