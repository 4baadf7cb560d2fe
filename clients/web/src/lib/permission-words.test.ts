import { expect, test } from "vitest";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { byCategory, matchesText, permissionTier, plainName, reachOf, scopeWords } from "./permission-words";

const info = (permission: string, category: string) => ({
  permission,
  displayName: "Read jobs",
  description: "Read jobs and their steps",
  category,
  icon: "cog",
});

test("categories are sorted, permissions stay in their order", () => {
  const found = byCategory([info("b:jobs:read", "Jobs"), info("p:audit:read", "Audit"), info("b:jobs:list", "Jobs")]);
  expect(found.map(({ category, permissions }) => [category, permissions.map(({ permission }) => permission)])).toEqual(
    [
      ["Audit", ["p:audit:read"]],
      ["Jobs", ["b:jobs:read", "b:jobs:list"]],
    ],
  );
});

test("every word of the text must be found somewhere", () => {
  const jobs = info("business_unit:jobs:read", "Jobs");
  expect(matchesText(jobs, "")).toBe(true);
  expect(matchesText(jobs, "STEPS business_unit")).toBe(true);
  expect(matchesText(jobs, "steps cancel")).toBe(false);
});

test("tier, reach and scope are told in words", () => {
  expect(permissionTier("business_unit:deployments:create:staging")).toBe(Tier.STAGING);
  expect(permissionTier("user:deployments:update:own")).toBeUndefined();
  expect(permissionTier("a:b:c:constructor")).toBeUndefined();
  const create = {
    ...info("business_unit:deployments:create:staging", ""),
    displayName: "Create deployments (staging)",
  };
  expect(plainName(create)).toBe("Create deployments");
  expect(plainName({ ...create, permission: "business_unit:deployments:create" })).toBe(create.displayName);
  expect(reachOf("platform:users:list")).toBe("the organization");
  expect(reachOf("business_unit:jobs:read")).toBe("a business unit");
  expect(reachOf("user:profile:read")).toBe("oneself");
  expect(scopeWords("")).toBe("the organization");
  expect(scopeWords("businessUnits/eng")).toBe("business unit eng");
  expect(scopeWords("businessUnits/-")).toBe("any business unit");
});
