// The roles that reach somebody, and through what.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { User } from "~/gen/flagstone/v1/user_service_pb";

export interface ReachedRole {
  /** `roles/{role}`. */
  role: string;
  /** Empty for the whole organization, else `businessUnits/{bu}`. */
  scope: string;
  /** A group, `businessUnits/{bu}` for a membership; empty where it is bound to the person. */
  through: string;
  deny: boolean;
  expireTime: Timestamp | undefined;
}

/** Bound directly, by a group, and as a member: what takes away first, then by place and role. */
export function reachedRoles({ grants, memberships }: Pick<User, "grants" | "memberships">): ReachedRole[] {
  const bound = grants.map(({ role, scope, group, deny, expireTime }) => ({
    role,
    scope,
    through: group,
    deny,
    expireTime,
  }));
  const member = memberships.map(({ businessUnit, role }) => ({
    role,
    scope: businessUnit,
    through: businessUnit,
    deny: false,
    expireTime: undefined,
  }));
  return [...bound, ...member].sort(
    (a, b) =>
      Number(b.deny) - Number(a.deny) ||
      a.scope.localeCompare(b.scope) ||
      a.role.localeCompare(b.role) ||
      a.through.localeCompare(b.through),
  );
}
