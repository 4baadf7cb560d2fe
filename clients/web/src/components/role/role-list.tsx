// Roles in lists.

import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { type Role, RoleRestriction, RoleScope } from "~/gen/flagstone/v1/role_service_pb";
import type { FilterFields } from "~/lib/filter";
import { restrictionWord, roleScopeWord } from "~/lib/roles";

export const ROLE_FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  scope: {
    kind: "choice",
    label: "Given in",
    field: "scope",
    options: [RoleScope.PLATFORM, RoleScope.BUSINESS_UNIT].map((scope) => ({
      value: RoleScope[scope],
      label: roleScopeWord(scope),
    })),
  },
  restriction: {
    kind: "choice",
    label: "Restriction",
    field: "restriction",
    options: [RoleRestriction.NONE, RoleRestriction.OWN_TEAM, RoleRestriction.OWN].map((restriction) => ({
      value: RoleRestriction[restriction],
      label: restrictionWord(restriction),
    })),
  },
  builtin: {
    kind: "choice",
    label: "Origin",
    field: "builtin",
    options: [
      { value: "true", label: "Built in" },
      { value: "false", label: "Own" },
    ],
  },
} as const satisfies FilterFields;

/** Whether a role ships with Flagstone or was made here. */
export function OriginBadge({ builtin }: { builtin: boolean }) {
  return (
    <span className="inline-flex h-5 items-center rounded-sm bg-sunken px-1.5 text-muted text-sm whitespace-nowrap">
      {builtin ? "Built in" : "Own"}
    </span>
  );
}

const title = ({ name, displayName }: Role) => (
  <ResourceName name={name}>
    <span dir="auto">{displayName}</span>
  </ResourceName>
);

export const ROLE_COLUMNS: readonly Column<Role>[] = [
  { id: "name", header: "Name", width: "22%", cell: title },
  {
    id: "description",
    header: "What it is for",
    from: "md",
    cell: ({ description }) => (
      <span title={description} dir="auto">
        {description}
      </span>
    ),
  },
  { id: "origin", header: "Origin", width: "92px", cell: ({ builtin }) => <OriginBadge builtin={builtin} /> },
  { id: "scope", header: "Given in", width: "144px", from: "md", cell: ({ scope }) => roleScopeWord(scope) },
  {
    id: "restriction",
    header: "Restriction",
    width: "144px",
    from: "lg",
    cell: ({ restriction }) => restrictionWord(restriction),
  },
  {
    id: "permissions",
    header: "Permissions",
    width: "104px",
    align: "end",
    cell: ({ permissions }) => permissions.length,
  },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "xl",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export function compactRole(role: Role) {
  return {
    first: (
      <>
        {title(role)}
        <OriginBadge builtin={role.builtin} />
      </>
    ),
    second: (
      <>
        <span>{roleScopeWord(role.scope)}</span>
        <span>{role.permissions.length} permissions</span>
      </>
    ),
  };
}
