import { createFileRoute } from "@tanstack/react-router";
import { GroupPage } from "~/components/group/group-page";

export const Route = createFileRoute("/_app/b/$bu/groups/$group")({ component: UnitGroup });

function UnitGroup() {
  const { bu, group } = Route.useParams();
  return <GroupPage name={`businessUnits/${bu}/groups/${group}`} />;
}
