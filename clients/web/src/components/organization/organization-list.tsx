import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ActivityBadge } from "~/components/state-badge";
import { ACTIVITY_OPTIONS } from "~/components/user/user-list";
import type { Organization } from "~/gen/flagstone/v1/organization_service_pb";
import type { FilterFields } from "~/lib/filter";
import { idOf } from "~/lib/names";

export const ORGANIZATION_FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  active: { kind: "choice", label: "Activity", field: "active", options: ACTIVITY_OPTIONS },
} as const satisfies FilterFields;

const title = ({ name, displayName }: Organization) => (
  <ResourceName name={name}>
    <span dir="auto">{displayName}</span>
  </ResourceName>
);

export const ORGANIZATION_COLUMNS: readonly Column<Organization>[] = [
  { id: "name", header: "Name", width: "26%", cell: title },
  { id: "id", header: "Id", width: "18%", from: "md", cell: ({ name }) => <code>{idOf(name)}</code> },
  {
    id: "description",
    header: "Description",
    from: "md",
    cell: ({ description, isDefault }) => (
      <span title={description} dir="auto">
        {isDefault && <span className="text-muted">The installation’s own. </span>}
        {description}
      </span>
    ),
  },
  { id: "active", header: "Activity", width: "104px", cell: ({ active }) => <ActivityBadge active={active} /> },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "lg",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export const compactOrganization = (organization: Organization) => ({
  first: (
    <>
      {title(organization)}
      <ActivityBadge active={organization.active} />
    </>
  ),
  second: (
    <>
      <code>{idOf(organization.name)}</code>
      {organization.isDefault && <span>the installation’s own</span>}
    </>
  ),
});
