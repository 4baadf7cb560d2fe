import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { UserSchema } from "~/gen/flagstone/v1/user_service_pb";
import { reachedRoles } from "./reached-roles";

test("what takes away comes first, then what holds in the organization, then the units", () => {
  const user = create(UserSchema, {
    grants: [
      { role: "roles/viewer", group: "groups/all" },
      { role: "roles/developer", scope: "businessUnits/eng", deny: true },
      { role: "roles/auditor" },
    ],
    memberships: [{ businessUnit: "businessUnits/eng", role: "roles/bu-owner" }],
  });
  expect(reachedRoles(user).map(({ role, through }) => [role, through])).toEqual([
    ["roles/developer", ""],
    ["roles/auditor", ""],
    ["roles/viewer", "groups/all"],
    ["roles/bu-owner", "businessUnits/eng"],
  ]);
});
