// The settings of an organization as its forms hold them.

import type { OrganizationSettings } from "~/gen/flagstone/v1/organization_service_pb";

/** The settings with the path of each in the update mask. */
const PATHS = {
  defaultRegion: "default_region",
  defaultBusinessUnit: "default_business_unit",
  auditRetentionDays: "audit_retention_days",
  selfServiceEnvironments: "self_service_environments",
  allowSelfApprovalTiers: "allow_self_approval_tiers",
  passwordCharacterClasses: "password_character_classes",
} as const satisfies Partial<Record<keyof OrganizationSettings, string>>;

export type SettingName = keyof typeof PATHS;
export type Settings = Pick<OrganizationSettings, SettingName>;

/** Whether two values of a setting are the same; lists are sets. */
function isSame(one: Settings[SettingName], other: Settings[SettingName]): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value) => other.includes(value));
  }
  return typeof one === "string" && typeof other === "string" ? one.trim() === other.trim() : one === other;
}

/** The mask of what was changed among some settings: what others changed meanwhile is left alone. */
export function changedPaths(before: Settings, after: Settings, names: readonly SettingName[]): string[] {
  return names.filter((name) => !isSame(before[name], after[name])).map((name) => PATHS[name]);
}
