import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import type { Team } from "~/gen/flagstone/v1/team_service_pb";
import type { FilterFields } from "~/lib/filter";
import { count } from "~/lib/format";

export const TEAM_FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  member: { kind: "person", label: "Member", field: "member" },
} as const satisfies FilterFields;

const title = ({ name, displayName }: Team) => (
  <ResourceName name={name}>
    <span dir="auto">{displayName}</span>
  </ResourceName>
);

export const TEAM_COLUMNS: readonly Column<Team>[] = [
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
  {
    id: "group",
    header: "Linked group",
    width: "18%",
    from: "lg",
    cell: ({ linkedGroup }) => <ResourceName name={linkedGroup} />,
  },
  { id: "members", header: "Members", width: "88px", align: "end", cell: ({ memberCount }) => memberCount },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "lg",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export const compactTeam = (team: Team) => ({
  first: title(team),
  second: (
    <>
      <span>{count(team.memberCount, "member")}</span>
      <span className="truncate" dir="auto">
        {team.description}
      </span>
    </>
  ),
});
