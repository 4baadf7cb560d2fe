// API tokens: where one stands, and what can be given to a new one.

import type { HeldPermission, ScopePermissions } from "~/gen/flagstone/v1/access_service_pb";
import type { ApiToken } from "~/gen/flagstone/v1/api_token_service_pb";
import { millis } from "./format";

export type TokenState = "active" | "expired" | "revoked";

/** Where a token stands at a time, in milliseconds. */
export function tokenState({ revokeTime, expireTime }: ApiToken, now: number): TokenState {
  if (revokeTime) return "revoked";
  const end = millis(expireTime);
  return end !== undefined && end <= now ? "expired" : "active";
}

/** The longest that a token lasts, in days. */
export const MAX_DAYS = 365;

/** Every permission that somebody holds somewhere, once: a token carries no more. */
export function grantable(scopes: readonly ScopePermissions[]): HeldPermission[] {
  const found = new Map<string, HeldPermission>();
  for (const { permissions } of scopes) {
    for (const held of permissions) if (!found.has(held.permission)) found.set(held.permission, held);
  }
  return [...found.values()].sort((a, b) => (a.permission < b.permission ? -1 : 1));
}

/** Those that change nothing. */
export function readingOnly(permissions: readonly { permission: string }[]): string[] {
  return permissions
    .map(({ permission }) => permission)
    .filter((permission) => {
      const action = permission.split(":")[2] ?? "";
      return action === "read" || action === "list";
    });
}
