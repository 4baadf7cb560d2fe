import { createFileRoute } from "@tanstack/react-router";
import { GroupPage } from "~/components/group/group-page";

export const Route = createFileRoute("/_app/admin/groups/$group")({ component: OrganizationGroup });

function OrganizationGroup() {
  const { group } = Route.useParams();
  return <GroupPage name={`groups/${group}`} />;
}
