// People of the organization in lists.

import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ActivityBadge } from "~/components/state-badge";
import type { User } from "~/gen/flagstone/v1/user_service_pb";
import type { FilterFields, Option } from "~/lib/filter";
import { idOf } from "~/lib/names";
import type { Orders } from "~/lib/sort";

export const ACTIVITY_OPTIONS: readonly Option[] = [
  { value: "true", label: "Active" },
  { value: "false", label: "Inactive" },
];

export const USER_FIELDS = {
  q: { kind: "search", label: "Name or address", field: "search" },
  active: { kind: "choice", label: "Activity", field: "active", options: ACTIVITY_OPTIONS },
  role: { kind: "object", label: "Role", field: "role" },
  group: { kind: "object", label: "Group", field: "group" },
} as const satisfies FilterFields;

export const USER_ORDERS: Orders = [
  ["create_time desc", "Newest first"],
  ["create_time", "Oldest first"],
  ["username", "By username"],
  ["email", "By address"],
];

/** The roles that a person has somewhere, each once. */
export function rolesOf({ grants, memberships }: User): string[] {
  const given = grants.filter(({ deny }) => !deny).map(({ role }) => role);
  return [...new Set([...given, ...memberships.map(({ role }) => role)])];
}

const title = ({ name, fullName, username }: User) => (
  <ResourceName name={name}>
    <span dir="auto">{fullName || username}</span>
  </ResourceName>
);

const roles = (user: User) => rolesOf(user).map(idOf).join(", ") || <span className="text-muted">None</span>;

export const USER_COLUMNS: readonly Column<User>[] = [
  { id: "name", header: "Name", width: "20%", cell: title },
  {
    id: "email",
    header: "E-mail address",
    from: "md",
    cell: ({ email }) => <span title={email}>{email}</span>,
  },
  { id: "username", header: "Username", width: "12%", from: "lg", cell: ({ username }) => username },
  { id: "roles", header: "Roles", width: "18%", from: "md", cell: roles },
  {
    id: "units",
    header: "Business units",
    width: "12%",
    from: "xl",
    cell: ({ memberships }) => memberships.map(({ businessUnit }) => idOf(businessUnit)).join(", "),
  },
  { id: "active", header: "Activity", width: "104px", cell: ({ active }) => <ActivityBadge active={active} /> },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "xl",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export function compactUser(user: User) {
  return {
    first: (
      <>
        {title(user)}
        <ActivityBadge active={user.active} />
      </>
    ),
    second: (
      <>
        <span className="truncate">{user.email}</span>
        <span className="truncate">{roles(user)}</span>
      </>
    ),
  };
}
