import { expect, test } from "vitest";
import { RoleScope } from "~/gen/flagstone/v1/role_service_pb";
import { idFor, rolesFor } from "./roles";

test("an id is made of what a name has of small letters, digits and hyphens", () => {
  expect(idFor("Séan's 2nd role ")).toBe("sean-s-2nd-role");
  expect(idFor("42 – Ω")).toBe("");
  expect(idFor(`a${"-b".repeat(60)}`)).toHaveLength(63);
  expect(idFor(`${"a".repeat(62)} b`)).toBe("a".repeat(62));
});

test("a role of the organization is not given in a unit, and the operator's nowhere", () => {
  const role = (scope: RoleScope) => ({ name: `roles/${scope}`, displayName: "", description: "", scope });
  const all = [RoleScope.INSTALLATION, RoleScope.PLATFORM, RoleScope.BUSINESS_UNIT].map(role);
  expect(rolesFor(all, "").map(({ scope }) => scope)).toEqual([RoleScope.PLATFORM, RoleScope.BUSINESS_UNIT]);
  expect(rolesFor(all, "businessUnits/eng").map(({ scope }) => scope)).toEqual([RoleScope.BUSINESS_UNIT]);
});
