// Roles, as forms and filters offer them.

import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useMemo } from "react";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { RoleRestriction, RoleScope, RoleService } from "~/gen/flagstone/v1/role_service_pb";

/** A role that can be chosen. */
export interface RoleOption {
  /** `roles/{role}`. */
  name: string;
  displayName: string;
  description: string;
  scope: RoleScope;
}

const byName = (a: RoleOption, b: RoleOption) => a.displayName.localeCompare(b.displayName);

/** Every role of the organization; empty until they are known, or where the caller may not list them. */
export function useRoles(isWanted = true): readonly RoleOption[] {
  const { data } = useQuery(RoleService.method.listRoles, isWanted ? { pageSize: 200 } : skipToken, {
    staleTime: 60_000,
  });
  return useMemo(() => [...(data?.roles ?? [])].sort(byName), [data]);
}

/** The roles that the caller can give in a business unit. */
export function useAssignableRoles(unit: string): { roles: readonly RoleOption[]; error: unknown } {
  const { data, error } = useQuery(
    BusinessUnitService.method.listAssignableRoles,
    unit ? { parent: unit } : skipToken,
    { staleTime: 15_000 },
  );
  const roles = useMemo(
    () =>
      (data?.roles ?? [])
        .map(({ role, displayName, description }) => ({
          name: role,
          displayName,
          description,
          scope: RoleScope.BUSINESS_UNIT,
        }))
        .sort(byName),
    [data],
  );
  return { roles, error };
}

/** Those of some roles that can be given in a scope: empty for the organization, else `businessUnits/{bu}`. */
export function rolesFor(roles: readonly RoleOption[], scope: string): RoleOption[] {
  return roles.filter(
    (role) => role.scope === RoleScope.BUSINESS_UNIT || (role.scope === RoleScope.PLATFORM && scope === ""),
  );
}

const SCOPES: Partial<Record<RoleScope, string>> = {
  [RoleScope.INSTALLATION]: "The installation",
  [RoleScope.PLATFORM]: "The organization",
  [RoleScope.BUSINESS_UNIT]: "A business unit",
};

/** Where a role is given. */
export function roleScopeWord(scope: RoleScope): string {
  return SCOPES[scope] ?? "Unknown";
}

const RESTRICTIONS: Partial<Record<RoleRestriction, string>> = {
  [RoleRestriction.OWN_TEAM]: "Own teams only",
  [RoleRestriction.OWN]: "Own objects only",
};

/** What narrows a role. */
export function restrictionWord(restriction: RoleRestriction): string {
  return RESTRICTIONS[restriction] ?? "None";
}

/** The id that a display name suggests: small letters, digits and hyphens, at most 63. */
export function idFor(displayName: string): string {
  return displayName
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 63)
    .replace(/-+$/, "");
}
