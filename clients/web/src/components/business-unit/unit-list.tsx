import type { Column } from "~/components/list/data-table";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ActivityBadge } from "~/components/state-badge";
import { ACTIVITY_OPTIONS } from "~/components/user/user-list";
import type { BusinessUnit } from "~/gen/flagstone/v1/business_unit_service_pb";
import type { FilterFields } from "~/lib/filter";

export const UNIT_FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  active: { kind: "choice", label: "Activity", field: "active", options: ACTIVITY_OPTIONS },
} as const satisfies FilterFields;

const title = ({ name, displayName, code }: BusinessUnit) => (
  <ResourceName name={name}>
    <span dir="auto">{displayName || code}</span>
  </ResourceName>
);

const owner = ({ owner }: BusinessUnit) => (owner ? <ResourceName name={owner} /> : <PrincipalChip name="" />);

export const UNIT_COLUMNS: readonly Column<BusinessUnit>[] = [
  { id: "name", header: "Name", width: "26%", cell: title },
  { id: "code", header: "Code", width: "14%", from: "md", cell: ({ code }) => <code>{code}</code> },
  {
    id: "description",
    header: "Description",
    from: "lg",
    cell: ({ description }) => (
      <span title={description} dir="auto">
        {description}
      </span>
    ),
  },
  { id: "owner", header: "Owner", width: "16%", cell: owner },
  { id: "active", header: "Activity", width: "104px", cell: ({ active }) => <ActivityBadge active={active} /> },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "xl",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export const compactUnit = (unit: BusinessUnit) => ({
  first: (
    <>
      {title(unit)}
      <ActivityBadge active={unit.active} />
    </>
  ),
  second: (
    <>
      <code>{unit.code}</code>
      <span className="truncate">owned by {owner(unit)}</span>
    </>
  ),
});
