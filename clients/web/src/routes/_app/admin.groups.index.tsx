import { createFileRoute } from "@tanstack/react-router";
import { CreateGroup } from "~/components/group/group-form";
import { compactGroup, GROUP_COLUMNS, GROUP_FIELDS } from "~/components/group/group-list";
import { CollectionPage } from "~/components/list/collection-page";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { type FilterValues, readTexts } from "~/lib/filter";

const KEYS: Record<keyof typeof GROUP_FIELDS, true> = { q: true, member: true };

export const Route = createFileRoute("/_app/admin/groups/")({
  validateSearch: (search): FilterValues<typeof GROUP_FIELDS> => readTexts(KEYS, search),
  component: Groups,
});

function Groups() {
  return (
    <CollectionPage
      title="Groups"
      lead="Who may do things together. A role that is bound to a group holds for all of its members."
      types={["group"]}
      creation={{
        what: "a group",
        permission: "platform:groups:create",
        permissionInUnit: "business_unit:groups:create",
        dialog: CreateGroup,
      }}
      noun="groups"
      method={GroupService.method.listGroups}
      parent="businessUnits/-"
      rowsOf={(page) => page.groups}
      fields={GROUP_FIELDS}
      columns={GROUP_COLUMNS}
      compact={compactGroup}
      empty="There is no group yet. With one, a role is given once and holds for everybody in it."
      command="flagstone groups list"
    />
  );
}
