import { createConnectQueryKey, useInfiniteQuery, useMutation } from "@connectrpc/connect-query";
import { MonitorSmartphone, Terminal } from "lucide-react";
import { session, transport } from "~/api/client";
import { queryClient } from "~/api/queries";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { AuthService, type Session } from "~/gen/flagstone/v1/auth_service_pb";
import { deviceWords } from "~/lib/device-words";
import { count } from "~/lib/format";
import { leaveFor } from "~/lib/sso";
import { Button } from "~/ui/button";

const ME = "users/me";

/** Where one is logged in, and the end of each (R018). */
export function Sessions() {
  const query = useInfiniteQuery(
    AuthService.method.listSessions,
    { parent: ME, pageSize: 50, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (last) => last.nextPageToken || undefined },
  );
  const revoke = useMutation(AuthService.method.revokeSession, {
    onSettled: () =>
      void queryClient.invalidateQueries({
        queryKey: createConnectQueryKey({
          schema: AuthService.method.listSessions,
          transport,
          cardinality: undefined,
        }),
      }),
  });
  const end = (name: string) => revoke.mutate({ name, requestId: crypto.randomUUID() });
  const logout = () => {
    session.logout().then(
      (providerUrl) => (providerUrl ? leaveFor(providerUrl) : window.location.assign("/login")),
      () => window.location.assign("/login"),
    );
  };
  return (
    <div className="flex max-w-[960px] flex-col gap-4">
      {revoke.error != null && <ErrorNotice error={revoke.error} title="The session was not ended" />}
      {revoke.data && (
        <Notice kind="success">
          {count(revoke.data.revokedSessions, "session")} ended. Nothing works with it now.
        </Notice>
      )}
      <QueryView query={query} title="Your sessions could not be read" lines={4}>
        {({ pages }) => {
          const sessions = pages.flatMap((page) => page.sessions);
          const others = sessions.filter(({ current }) => !current);
          return (
            <>
              <div className="flex flex-wrap items-center justify-between gap-2">
                <p className="text-muted">
                  You are logged in on {count(sessions.length, "device")}
                  {query.hasNextPage && " and more"}. End what you do not know, and change your password then.
                </p>
                <Button
                  size="sm"
                  reason={others.length === 0 && "There is no other session."}
                  busy={revoke.isPending && revoke.variables?.name === `${ME}/sessions/-` && "Ending them"}
                  onClick={() => end(`${ME}/sessions/-`)}
                >
                  End all other sessions
                </Button>
              </div>
              <ul aria-label="Sessions" className="border-line border-t">
                {sessions.map((one) => (
                  <SessionItem
                    key={one.name}
                    session={one}
                    busy={revoke.isPending && revoke.variables?.name === one.name}
                    onEnd={() => (one.current ? logout() : end(one.name))}
                  />
                ))}
              </ul>
              {query.hasNextPage && (
                <div>
                  <Button busy={query.isFetchingNextPage && "Reading"} onClick={() => void query.fetchNextPage()}>
                    Show more sessions
                  </Button>
                </div>
              )}
            </>
          );
        }}
      </QueryView>
    </div>
  );
}

function SessionItem({
  session: { device, ip, current, createTime, lastUseTime, expireTime },
  busy,
  onEnd,
}: {
  session: Session;
  busy: boolean;
  onEnd: () => void;
}) {
  const words = deviceWords(device);
  const Icon = words === device ? Terminal : MonitorSmartphone;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-line border-b py-2">
      <Icon aria-hidden className="size-4 shrink-0 text-muted" />
      <div className="min-w-0 flex-1 basis-48">
        <p className="flex min-w-0 flex-wrap items-center gap-2">
          <span className="line-clamp-2 min-w-0 break-all font-medium" dir="auto" title={device}>
            {words}
          </span>
          {current && <span className="rounded-sm bg-accent-soft px-1.5 text-accent-strong text-sm">This session</span>}
        </p>
        <p className="flex flex-wrap gap-x-3 text-muted text-sm">
          <code>{ip}</code>
          <span>
            last used <RelativeTime time={lastUseTime} />
          </span>
          <span>
            since <RelativeTime time={createTime} />
          </span>
          <span>
            ends <RelativeTime time={expireTime} /> unless it is used
          </span>
        </p>
      </div>
      <Button
        size="sm"
        busy={busy && "Ending it"}
        onClick={onEnd}
        aria-label={current ? undefined : `End session of ${words}`}
      >
        {current ? "Log out" : "End session"}
      </Button>
    </li>
  );
}
