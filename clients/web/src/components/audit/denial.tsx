import { useQuery } from "@connectrpc/connect-query";
import { Link } from "@tanstack/react-router";
import { Explanation } from "~/components/access/explanation";
import { QueryView } from "~/components/query-view";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { idOf } from "~/lib/names";

/** Why a denial of the audit was one; loaded when somebody asks. */
export default function Denial({ event }: { event: string }) {
  const query = useQuery(
    AccessService.method.explainAccess,
    { about: { case: "decision", value: event } },
    { staleTime: 0 },
  );
  return (
    <div className="flex flex-col gap-2">
      <QueryView query={query} title="The reason could not be read" lines={4}>
        {(explanation) => <Explanation explanation={explanation} />}
      </QueryView>
      <Link
        to="/admin/access"
        search={{ tab: "decision", decision: idOf(event) }}
        className="w-fit text-accent-strong hover:underline"
      >
        Open this explanation on its own page
      </Link>
    </div>
  );
}
