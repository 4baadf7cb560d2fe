import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import type { Group } from "~/gen/flagstone/v1/group_service_pb";
import type { FilterFields } from "~/lib/filter";
import { count } from "~/lib/format";
import { unitOf } from "~/lib/names";

export const GROUP_FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  member: { kind: "person", label: "Member", field: "member" },
} as const satisfies FilterFields;

const title = ({ name, displayName }: Group) => (
  <ResourceName name={name}>
    <span dir="auto">{displayName}</span>
  </ResourceName>
);

const where = ({ name }: Group) => unitOf(name) || <span className="text-muted">The organization</span>;

export const GROUP_COLUMNS: readonly Column<Group>[] = [
  { id: "name", header: "Name", width: "26%", cell: title },
  {
    id: "description",
    header: "Description",
    from: "md",
    cell: ({ description }) => (
      <span title={description} dir="auto">
        {description}
      </span>
    ),
  },
  { id: "where", header: "Of", width: "18%", cell: where },
  { id: "members", header: "Members", width: "88px", align: "end", cell: ({ memberCount }) => memberCount },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "lg",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export const compactGroup = (group: Group) => ({
  first: title(group),
  second: (
    <>
      <span className="truncate">{where(group)}</span>
      <span>{count(group.memberCount, "member")}</span>
    </>
  ),
});
