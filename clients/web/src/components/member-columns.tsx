// Columns that all lists of members have.

import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ActivityBadge } from "~/components/state-badge";
import { idOf } from "~/lib/names";

interface Member {
  user: string;
  fullName: string;
  userActive: boolean;
  createTime?: Parameters<typeof RelativeTime>[0]["time"];
}

export function MemberName({ member: { user, fullName } }: { member: Member }) {
  return (
    <ResourceName name={user}>
      <span dir="auto">{fullName || idOf(user)}</span>
    </ResourceName>
  );
}

export const NAME: Column<Member> = { id: "name", header: "Name", cell: (member) => <MemberName member={member} /> };
export const ACTIVITY: Column<Member> = {
  id: "active",
  header: "Activity",
  width: "104px",
  from: "md",
  cell: ({ userActive }) => <ActivityBadge active={userActive} />,
};
export const SINCE: Column<Member> = {
  id: "since",
  header: "Since",
  width: "116px",
  from: "lg",
  cell: ({ createTime }) => <RelativeTime time={createTime} />,
};
