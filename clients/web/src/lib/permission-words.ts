// Permissions for people: by category, found by a text, their slug in pieces.

import { Tier } from "~/gen/flagstone/v1/environment_service_pb";

/** What is told of a permission. Messages of the registry and of what somebody holds have it alike. */
export interface PermissionInfo {
  /** The slug, for instance `business_unit:deployments:create:development`. */
  permission: string;
  displayName: string;
  description: string;
  /** Heading under which it stands. */
  category: string;
  /** Name of its icon. */
  icon: string;
}

/** Permissions under one heading. */
export interface Category<Info extends PermissionInfo = PermissionInfo> {
  category: string;
  icon: string;
  permissions: Info[];
}

/** By category: these in alphabetical order, within one as they come. */
export function byCategory<Info extends PermissionInfo>(permissions: readonly Info[]): Category<Info>[] {
  const categories = new Map<string, Category<Info>>();
  for (const permission of permissions) {
    const { category, icon } = permission;
    const found = categories.get(category);
    if (found) found.permissions.push(permission);
    else categories.set(category, { category, icon, permissions: [permission] });
  }
  return [...categories.values()].sort((a, b) => a.category.localeCompare(b.category, "en"));
}

/** Whether every word of a text is somewhere in what is told of a permission. */
export function matchesText({ permission, displayName, description, category }: PermissionInfo, text: string): boolean {
  const all = `${permission} ${displayName} ${description} ${category}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

const TIERS: Record<string, Tier> = {
  development: Tier.DEVELOPMENT,
  staging: Tier.STAGING,
  production: Tier.PRODUCTION,
};

/** The tier that a permission is for; `undefined` where it is for none or for all. */
export function permissionTier(permission: string): Tier | undefined {
  const qualifier = permission.split(":")[3] ?? "";
  return Object.hasOwn(TIERS, qualifier) ? TIERS[qualifier] : undefined;
}

/** What people call a permission, without its tier: that has a badge of its own. */
export function plainName({ permission, displayName, description }: PermissionInfo): string {
  const name = displayName || description;
  return permissionTier(permission) === undefined ? name : name.replace(/ \([a-z]+\)$/, "");
}

/** Where a permission holds, by its first part. */
export function reachOf(permission: string): string {
  const [scope] = permission.split(":");
  if (scope === "platform") return "the organization";
  if (scope === "business_unit") return "a business unit";
  return "oneself";
}

/** A scope in words: `organization`, `business unit eng`. Empty and `organization` stand for the organization. */
export function scopeWords(scope: string): string {
  const unit = scope.startsWith("businessUnits/") ? scope.slice("businessUnits/".length) : "";
  if (!unit) return "the organization";
  return unit === "-" ? "any business unit" : `business unit ${unit}`;
}
