import { describe, expect, test } from "vitest";
import { idOf, partOf, routeOf, unitOf } from "./names";

describe("resource names", () => {
  test("consist of parts", () => {
    const name = "businessUnits/eng/deployments/shop/revisions/3";
    expect(partOf(name, "deployments")).toBe("shop");
    expect(partOf(name, "jobs")).toBe("");
    expect(unitOf(name)).toBe("eng");
    expect(idOf(name)).toBe("3");
  });

  test.each([
    ["approvals/1", "/approvals/$approval"],
    ["jobs/1", "/jobs/$job"],
    ["templates/aws-s3/versions/1.0.0", "/templates/$template"],
    ["businessUnits/eng/requests/1", "/b/$bu/requests/$request"],
    ["businessUnits/eng/deployments/shop/revisions/3", "/b/$bu/deployments/$deployment"],
    ["users/dev", "/admin/users/$user"],
    ["roles/developer", "/admin/roles/$role"],
    ["groups/oncall", "/admin/groups/$group"],
    ["teams/shop", "/admin/teams/$team"],
    ["organizations/default", "/admin/organizations/$organization"],
    ["businessUnits/eng", "/admin/business-units/$bu"],
    ["businessUnits/eng/groups/oncall", "/b/$bu/groups/$group"],
    ["businessUnits/eng/members/dev", "/admin/users/$user"],
    ["businessUnits/eng/environments/dev", "/b/$bu/environments/$environment"],
  ])("%s has the page %s", (name, to) => {
    expect(routeOf(name)?.to).toBe(to);
  });

  test.each(["roleBindings/1", "", "system", "businessUnits/eng/roleBindings/1"])("%s has no page", (name) => {
    expect(routeOf(name)).toBeUndefined();
  });
});
