import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { OrganizationSettingsSchema } from "~/gen/flagstone/v1/organization_service_pb";
import { changedPaths, type SettingName } from "./organization-settings";

const ALL: SettingName[] = [
  "defaultRegion",
  "defaultBusinessUnit",
  "auditRetentionDays",
  "selfServiceEnvironments",
  "allowSelfApprovalTiers",
  "passwordCharacterClasses",
];

describe("changedPaths", () => {
  const before = create(OrganizationSettingsSchema, {
    defaultRegion: "eu-central-1",
    allowSelfApprovalTiers: [Tier.DEVELOPMENT, Tier.STAGING],
  });

  it("is empty where only blanks and the order of a list differ", () => {
    const after = {
      ...before,
      defaultRegion: " eu-central-1 ",
      allowSelfApprovalTiers: [Tier.STAGING, Tier.DEVELOPMENT],
    };
    expect(changedPaths(before, after, ALL)).toEqual([]);
  });

  it("names what differs, also what was emptied", () => {
    const after = { ...before, defaultRegion: "", auditRetentionDays: 30, allowSelfApprovalTiers: [Tier.STAGING] };
    expect(changedPaths(before, after, ALL)).toEqual([
      "default_region",
      "audit_retention_days",
      "allow_self_approval_tiers",
    ]);
  });

  it("looks at nothing but the settings of the form", () => {
    expect(changedPaths(before, { ...before, auditRetentionDays: 30 }, ["defaultRegion"])).toEqual([]);
  });
});
