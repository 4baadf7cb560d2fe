import { useInfiniteQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { Ban, CircleCheck, CircleDashed, Clock, History } from "lucide-react";
import { useChecks } from "~/components/access/use-checks";
import { EmptyState } from "~/components/empty-state";
import type { Column } from "~/components/list/data-table";
import { FilterBar, useFilters } from "~/components/list/filter-bar";
import { ListView } from "~/components/list/list-view";
import { PagedTable } from "~/components/list/paged-table";
import { useTotal } from "~/components/list/use-total";
import { Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { RiskyButton } from "~/components/risky-button";
import { Badge, type Look } from "~/components/state-badge";
import { type Invitation, InvitationService, InvitationState } from "~/gen/flagstone/v1/invitation_service_pb";
import { allOf, type FilterFields, isFiltered, quoted, toFilter } from "~/lib/filter";
import { PAGE_SIZE, paged, useListed } from "~/lib/listed";
import { scopeWords } from "~/lib/permission-words";

const UNKNOWN: Look = { word: "Unknown", tone: "over", icon: CircleDashed };
const LOOKS: Partial<Record<InvitationState, Look>> = {
  [InvitationState.PENDING]: { word: "Open", tone: "waiting", icon: Clock },
  [InvitationState.ACCEPTED]: { word: "Accepted", tone: "succeeded", icon: CircleCheck },
  [InvitationState.EXPIRED]: { word: "Expired", tone: "over", icon: History },
  [InvitationState.REVOKED]: { word: "Revoked", tone: "over", icon: Ban },
};

const STATES = [
  InvitationState.PENDING,
  InvitationState.ACCEPTED,
  InvitationState.EXPIRED,
  InvitationState.REVOKED,
].map((state) => ({ value: InvitationState[state], label: (LOOKS[state] ?? UNKNOWN).word }));

export const INVITATION_FIELDS = {
  email: { kind: "search", label: "E-mail address", field: "email" },
  state: { kind: "choice", label: "State", field: "state", options: STATES },
} as const satisfies FilterFields;

export const MANAGE_INVITATIONS = "platform:invitations:manage";

/** Who manages the members of a unit manages the invitations to it, too. */
const MANAGE_MEMBERS = "business_unit:business_units:manage_members";

/** Takes an open invitation back. */
function Revoke({ invitation: { name, email, state, etag, businessUnit } }: { invitation: Invitation }) {
  const checks = useChecks([
    { permission: MANAGE_INVITATIONS, object: "" },
    ...(businessUnit ? [{ permission: MANAGE_MEMBERS, object: businessUnit }] : []),
  ]);
  const isOfMine = businessUnit !== "" && checks.may(MANAGE_MEMBERS, businessUnit);
  const reason = isOfMine ? undefined : checks.reason(MANAGE_INVITATIONS, "");
  if (state !== InvitationState.PENDING) return null;
  return (
    <RiskyButton
      size="sm"
      label={`Revoke the invitation of ${email}`}
      reason={reason}
      title={`Revoke the invitation of ${email}?`}
      description="Its link stops working at once. Another one can be made."
      action="Revoke invitation"
      busy="Revoking it"
      method={InvitationService.method.revokeInvitation}
      call={(ids) => ({ name, etag, ...ids })}
      refreshes={["invitation"]}
    >
      Revoke
    </RiskyButton>
  );
}

const COLUMNS: readonly Column<Invitation>[] = [
  { id: "email", header: "For", cell: ({ email }) => <span title={email}>{email}</span> },
  { id: "state", header: "State", width: "112px", cell: ({ state }) => <Badge look={LOOKS[state] ?? UNKNOWN} /> },
  { id: "role", header: "Role", width: "16%", cell: ({ role }) => <ResourceName name={role} /> },
  {
    id: "where",
    header: "Where",
    width: "16%",
    from: "lg",
    cell: ({ businessUnit }) => scopeWords(businessUnit),
  },
  { id: "by", header: "By", width: "12%", from: "lg", cell: ({ creator }) => <PrincipalChip name={creator} /> },
  {
    id: "end",
    header: "Ends",
    width: "112px",
    from: "md",
    cell: ({ state, expireTime }) =>
      state === InvitationState.PENDING || state === InvitationState.EXPIRED ? (
        <RelativeTime time={expireTime} />
      ) : (
        <span className="text-muted">Over</span>
      ),
  },
  {
    id: "do",
    header: "Actions",
    width: "96px",
    align: "end",
    cell: (invitation) => <Revoke invitation={invitation} />,
  },
];

const compact = (invitation: Invitation) => ({
  first: (
    <>
      <span>{invitation.email}</span>
      <Revoke invitation={invitation} />
    </>
  ),
  second: (
    <>
      <Badge look={LOOKS[invitation.state] ?? UNKNOWN} />
      <ResourceName name={invitation.role} />
    </>
  ),
});

export function InvitationList() {
  const [filters, setFilters, clear] = useFilters(INVITATION_FIELDS);
  const filter = toFilter(INVITATION_FIELDS, filters);
  const method = InvitationService.method.listInvitations;
  const input = { filter, pageSize: PAGE_SIZE, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.invitations);
  const counted = useTotal(method, list.more.has ? { filter, pageSize: 1, includeTotal: true } : skipToken);
  // A list that is refused is not asked for again.
  const isThere = !list.isLoading && list.error == null;
  const base = useTotal(method, isThere ? { pageSize: 1, includeTotal: true } : skipToken);
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <FilterBar fields={INVITATION_FIELDS} values={filters} onChange={setFilters} />
      <ListView
        label="Invitations"
        noun="invitations"
        list={list}
        total={list.more.has ? counted : list.rows.length}
        base={base}
        isFiltered={isFiltered(filters)}
        onClear={clear}
        columns={COLUMNS}
        compact={compact}
        rowKey={({ name }) => name}
        empty={
          <EmptyState>Nobody was invited yet. An invitation gives one role to somebody without an account.</EmptyState>
        }
      />
    </div>
  );
}

/** The open invitations to a business unit; nothing where there is none. */
export function OpenInvitations({ unit }: { unit: string }) {
  const method = InvitationService.method.listInvitations;
  const filter = allOf("state = PENDING", `business_unit = ${quoted(unit)}`);
  const input = { filter, pageSize: 50, pageToken: "" };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.invitations);
  if (list.rows.length === 0 && list.error == null) return null;
  return (
    <Section title="Open invitations">
      <PagedTable
        label="Open invitations"
        noun="invitations"
        list={list}
        columns={OPEN_COLUMNS}
        compact={compact}
        rowKey={({ name }) => name}
        empty={null}
      />
    </Section>
  );
}

/** The heading says the rest. */
const OPEN_COLUMNS = COLUMNS.filter(({ id }) => id !== "state" && id !== "where");
