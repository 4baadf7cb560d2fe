// The registry of permissions: what there is, the same for everybody, as PermissionPicker takes it.

import { useQuery } from "@connectrpc/connect-query";
import { useMemo } from "react";
import { type Permission, PermissionScope, RoleService } from "~/gen/flagstone/v1/role_service_pb";
import type { PermissionInfo } from "./permission-words";

/** A permission of the registry in the form that all permissions have here. */
export function infoOf({ slug, displayName, description, category, icon }: Permission): PermissionInfo {
  return { permission: slug, displayName, description, category, icon };
}

/** Every permission that a role can have; `undefined` until they are known. Those of the user scope everybody has. */
export function usePermissionRegistry(): readonly PermissionInfo[] | undefined {
  const { data } = useQuery(RoleService.method.listPermissions, {}, { staleTime: Number.POSITIVE_INFINITY });
  return useMemo(() => data?.permissions.filter(({ scope }) => scope !== PermissionScope.USER).map(infoOf), [data]);
}
