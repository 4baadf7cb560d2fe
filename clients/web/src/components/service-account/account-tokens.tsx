import { createQueryOptions, useQuery, useTransport } from "@connectrpc/connect-query";
import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { TokenList } from "~/components/api-token/token-list";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { RoleService } from "~/gen/flagstone/v1/role_service_pb";
import type { ServiceAccount } from "~/gen/flagstone/v1/service_account_service_pb";
import { grantable } from "~/lib/api-token";

/** The tokens of a service account: one carries no more than the account holds, and no more than whoever makes it. */
export function AccountTokens({ account, reason }: { account: ServiceAccount; reason: string | undefined }) {
  const transport = useTransport();
  const { data } = useQuery(AccessService.method.getMyPermissions, {}, { staleTime: 60_000 });
  const roles = [...new Set(account.roleBindings.filter(({ deny }) => !deny).map(({ role }) => role))];
  const held = useQueries({
    queries: roles.map((name) => createQueryOptions(RoleService.method.getRole, { name }, { transport })),
    combine: (answers) => ({
      isPending: answers.some((answer) => answer.isPending),
      // Whoever may not read a role is offered what they hold themselves; the server refuses what is too much.
      isKnown: answers.every((answer) => answer.data !== undefined),
      permissions: answers.flatMap((answer) => answer.data?.permissions ?? []),
    }),
  });
  const permissions = useMemo(() => {
    if (!data || held.isPending) return undefined;
    const own = new Set(held.permissions);
    return grantable(data.scopes).filter(({ permission }) => !held.isKnown || own.has(permission));
  }, [data, held]);
  const nothing =
    permissions?.length === 0 ? "Give the account a role first, with permissions that you hold too." : undefined;
  return <TokenList parent={account.name} permissions={permissions} reason={reason} createReason={nothing} />;
}
