// The tokens of a person or of a service account: what each may do, when it was used, and its end.

import { createConnectQueryKey, useInfiniteQuery, useMutation } from "@connectrpc/connect-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { transport } from "~/api/client";
import { queryClient } from "~/api/queries";
import { EmptyState } from "~/components/empty-state";
import { ErrorNotice } from "~/components/error-notice";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { type ApiToken, ApiTokenService } from "~/gen/flagstone/v1/api_token_service_pb";
import { type TokenState, tokenState } from "~/lib/api-token";
import { cn } from "~/lib/cn";
import { count } from "~/lib/format";
import { idOf } from "~/lib/names";
import type { PermissionInfo } from "~/lib/permission-words";
import { useNow } from "~/lib/use-now";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { CreateToken } from "./create-token";

export interface TokenListProps {
  /** `users/me` or `serviceAccounts/{service_account}`. */
  parent: string;
  /** What a new token can be given; `undefined` while it is not known. */
  permissions: readonly PermissionInfo[] | undefined;
  /** Why no token can be made or revoked here. */
  reason?: string | undefined;
  /** Why no token can be made; those that are there can still be revoked. */
  createReason?: string | undefined;
}

export function TokenList({ parent, permissions, reason, createReason }: TokenListProps) {
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken>();
  const query = useInfiniteQuery(
    ApiTokenService.method.listApiTokens,
    { parent, pageSize: 50, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (last) => last.nextPageToken || undefined },
  );
  const create = (
    <Button
      variant="primary"
      icon={<Plus aria-hidden className="size-4" />}
      reason={reason ?? createReason ?? (permissions === undefined && "Your permissions are being read.")}
      onClick={() => setCreating(true)}
    >
      Create API token
    </Button>
  );
  return (
    <div className="flex max-w-[960px] flex-col gap-4">
      <QueryView query={query} title="The API tokens could not be read" lines={4}>
        {({ pages }) => {
          const tokens = pages.flatMap((page) => page.apiTokens);
          if (tokens.length === 0) {
            return (
              <EmptyState action={create}>
                An API token lets a program call Flagstone {parent === "users/me" ? "in your place" : "as this account"}
                , with only the permissions that you choose, and until a day that you set.
              </EmptyState>
            );
          }
          return (
            <>
              <div className="flex flex-wrap items-center justify-between gap-2">
                <p className="text-muted">A token may do what both it and its holder may do at that moment.</p>
                {create}
              </div>
              <ul aria-label="API tokens" className="border-line border-t">
                {tokens.map((token) => (
                  <TokenItem key={token.name} token={token} reason={reason} onRevoke={() => setRevoking(token)} />
                ))}
              </ul>
              {query.hasNextPage && (
                <div>
                  <Button busy={query.isFetchingNextPage && "Reading"} onClick={() => void query.fetchNextPage()}>
                    Show more tokens
                  </Button>
                </div>
              )}
            </>
          );
        }}
      </QueryView>
      {creating && permissions && (
        <CreateToken parent={parent} permissions={permissions} onClose={() => setCreating(false)} />
      )}
      {revoking && <RevokeToken token={revoking} onClose={() => setRevoking(undefined)} />}
    </div>
  );
}

const STATES: Record<TokenState, [word: string, classes: string]> = {
  active: ["Active", "bg-succeeded-soft text-succeeded"],
  expired: ["Expired", "bg-sunken text-muted"],
  revoked: ["Revoked", "bg-sunken text-muted"],
};

function TokenItem({ token, reason, onRevoke }: { token: ApiToken; reason: string | undefined; onRevoke: () => void }) {
  const { displayName, prefix, permissions, businessUnits, expireTime, lastUseTime, lastUseIp, revokeTime } = token;
  const [isOpen, setIsOpen] = useState(false);
  const state = tokenState(token, useNow(10_000));
  const [word, classes] = STATES[state];
  return (
    <li className="flex flex-wrap items-start gap-x-4 gap-y-1 border-line border-b py-2">
      <KeyRound aria-hidden className="mt-1 size-4 shrink-0 text-muted" />
      <div className="flex min-w-0 flex-1 basis-56 flex-col gap-0.5">
        <p className="flex flex-wrap items-center gap-2">
          <span className="line-clamp-2 min-w-0 break-all font-medium" dir="auto" title={displayName}>
            {displayName}
          </span>
          <span className={cn("rounded-sm px-1.5 text-sm", classes)}>{word}</span>
          <code className="text-muted">{prefix}…</code>
        </p>
        <p className="flex flex-wrap gap-x-3 text-muted text-sm">
          {state === "revoked" ? (
            <span>
              revoked <RelativeTime time={revokeTime} />
            </span>
          ) : (
            <span>
              {state === "expired" ? "expired" : "expires"} <RelativeTime time={expireTime} />
            </span>
          )}
          <span>
            last used <RelativeTime time={lastUseTime} absent="never" />
            {lastUseIp && ` from ${lastUseIp}`}
          </span>
          <span>
            {businessUnits.length === 0
              ? "every business unit that its holder reaches"
              : `only ${businessUnits.map(idOf).join(", ")}`}
          </span>
          <button
            type="button"
            aria-expanded={isOpen}
            className="text-accent-strong hover:underline"
            onClick={() => setIsOpen(!isOpen)}
          >
            {count(permissions.length, "permission")}
          </button>
        </p>
        {isOpen && (
          <ul aria-label={`What ${displayName} may do`} className="columns-1 gap-6 py-1 md:columns-2">
            {permissions.map((permission) => (
              <li key={permission}>
                <code className="break-all">{permission}</code>
              </li>
            ))}
          </ul>
        )}
      </div>
      {state === "active" && (
        <Button size="sm" aria-label={`Revoke token ${displayName}`} reason={reason} onClick={onRevoke}>
          Revoke token
        </Button>
      )}
    </li>
  );
}

/** Ends a token: whatever uses it stops working, and there is no way back. */
function RevokeToken({ token: { name, displayName, prefix }, onClose }: { token: ApiToken; onClose: () => void }) {
  const { id } = useRequestId(["revoke", name]);
  const revoke = useMutation(ApiTokenService.method.revokeApiToken, {
    onSuccess: () => {
      refreshTokens();
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      width="sm"
      title="Revoke this token?"
      description="Whatever uses it stops working at once. There is no way back: make another one then."
      footer={
        <>
          <Button onClick={onClose}>Go back</Button>
          <Button
            variant="danger"
            busy={revoke.isPending && "Revoking it"}
            onClick={() => revoke.mutate({ name, requestId: id })}
          >
            Revoke token
          </Button>
        </>
      }
    >
      {revoke.error != null && <ErrorNotice error={revoke.error} title="The token was not revoked" />}
      <p className="break-words" dir="auto">
        {displayName} <code className="text-muted">{prefix}…</code>
      </p>
    </Dialog>
  );
}

/** Asks again for every list of tokens. */
export function refreshTokens(): void {
  const schema = ApiTokenService.method.listApiTokens;
  void queryClient.invalidateQueries({
    queryKey: createConnectQueryKey({ schema, transport, cardinality: undefined }),
  });
}
