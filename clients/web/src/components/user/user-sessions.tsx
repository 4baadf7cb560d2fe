import { createConnectQueryKey, useInfiniteQuery } from "@connectrpc/connect-query";
import { transport } from "~/api/client";
import { queryClient } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { EmptyState } from "~/components/empty-state";
import type { Column } from "~/components/list/data-table";
import { PagedTable } from "~/components/list/paged-table";
import { Section } from "~/components/page";
import { RelativeTime } from "~/components/relative-time";
import { RiskyButton } from "~/components/risky-button";
import { AuthService, type Session } from "~/gen/flagstone/v1/auth_service_pb";
import { deviceWords } from "~/lib/device-words";
import { paged, useListed } from "~/lib/listed";

const REVOKE = "platform:sessions:revoke";

/** Sessions are watched by nobody: whoever ends one asks again. */
function refreshSessions(): void {
  const schema = AuthService.method.listSessions;
  void queryClient.invalidateQueries({
    queryKey: createConnectQueryKey({ schema, transport, cardinality: undefined }),
  });
}

/** Where somebody is logged in, and the end of each session. */
export function UserSessions({ user }: { user: string }) {
  const method = AuthService.method.listSessions;
  const input = { parent: user, pageSize: 50, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.sessions);
  const reason = useChecks([{ permission: REVOKE, object: user }]).reason(REVOKE, user);
  return (
    <Section
      title="Sessions"
      actions={
        list.rows.length > 0 && (
          <RiskyButton
            size="sm"
            reason={reason}
            title="End all sessions?"
            description="Every device is logged out at once. The password stays good."
            action="End all sessions"
            busy="Ending them"
            method={AuthService.method.revokeSession}
            call={({ requestId, validateOnly }) => ({ name: `${user}/sessions/-`, requestId, validateOnly })}
            refreshes={["user"]}
            onDone={refreshSessions}
          >
            End all sessions
          </RiskyButton>
        )
      }
    >
      <PagedTable
        label="Sessions"
        noun="sessions"
        list={list}
        columns={COLUMNS}
        compact={compact}
        rowKey={({ name }) => name}
        empty={<EmptyState>This person is logged in nowhere.</EmptyState>}
      />
    </Section>
  );
}

const title = ({ device, current }: Session) => (
  <span title={device} dir="auto">
    {deviceWords(device)}
    {current && <span className="text-muted"> (this session)</span>}
  </span>
);

/** Ends one session. */
function End({ session: { name, device } }: { session: Session }) {
  const reason = useChecks([{ permission: REVOKE, object: "" }]).reason(REVOKE, "");
  return (
    <RiskyButton
      size="sm"
      label={`End the session ${deviceWords(device)}`}
      reason={reason}
      title="End this session?"
      description="The device is logged out at once."
      action="End session"
      busy="Ending it"
      method={AuthService.method.revokeSession}
      call={(ids) => ({ name, ...ids })}
      refreshes={["user"]}
      onDone={refreshSessions}
    >
      End
    </RiskyButton>
  );
}

const COLUMNS: readonly Column<Session>[] = [
  { id: "device", header: "Device", cell: title },
  { id: "ip", header: "Address", width: "20%", from: "md", cell: ({ ip }) => <code>{ip}</code> },
  { id: "used", header: "Last used", width: "116px", cell: ({ lastUseTime }) => <RelativeTime time={lastUseTime} /> },
  {
    id: "since",
    header: "Since",
    width: "116px",
    from: "lg",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
  { id: "do", header: "Actions", width: "80px", align: "end", cell: (session) => <End session={session} /> },
];

const compact = (session: Session) => ({
  first: (
    <>
      {title(session)}
      <End session={session} />
    </>
  ),
  second: (
    <>
      <code>{session.ip}</code>
      <span>
        last used <RelativeTime time={session.lastUseTime} />
      </span>
    </>
  ),
});
