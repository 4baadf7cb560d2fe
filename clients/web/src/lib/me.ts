// The caller and what they may do. What the pages hide or disable follows this; the server decides (R014).

import { useQuery } from "@connectrpc/connect-query";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { type User, UserService } from "~/gen/flagstone/v1/user_service_pb";

/** The caller; `undefined` while it is not known. */
export function useMe(): User | undefined {
  return useQuery(UserService.method.getMe, {}, { staleTime: 60_000 }).data;
}

export interface Permissions {
  /** False until the answer is there: then nothing is held. */
  known: boolean;
  /** Whether the caller holds a permission in a business unit (`businessUnits/x`), or in any where it is left out. */
  holds: (permission: string, unit?: string) => boolean;
  /** Why not, as the reason of a disabled control; `undefined` where it is held. */
  missing: (permission: string, unit?: string) => string | undefined;
}

/** What the caller holds, in the organization and in each business unit. */
export function usePermissions(): Permissions {
  const { data } = useQuery(AccessService.method.getMyPermissions, {}, { staleTime: 60_000 });
  const holds = (permission: string, unit?: string) =>
    (data?.scopes ?? []).some(
      ({ scope, permissions }) =>
        (!scope || !unit || scope === unit) && permissions.some((held) => held.permission === permission),
    );
  return {
    known: data !== undefined,
    holds,
    missing: (permission, unit) => {
      if (data === undefined || holds(permission, unit)) return undefined;
      return `Needs ${permission}${unit ? ` in ${unit.replace("businessUnits/", "business unit ")}` : ""}.`;
    },
  };
}
