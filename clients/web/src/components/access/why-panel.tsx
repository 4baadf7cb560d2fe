import { useQuery } from "@connectrpc/connect-query";
import { QueryView } from "~/components/query-view";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { Dialog } from "~/ui/dialog";
import { Explanation } from "./explanation";

/** What is to be explained: a denial by its decision id, or a question about the caller. */
export type About = { decision: string } | { permission: string; object: string };

/** A dialog with the explanation; loaded when somebody asks why. */
export default function WhyPanel({ about, onClose }: { about: About; onClose: () => void }) {
  const query = useQuery(
    AccessService.method.explainAccess,
    {
      about:
        "decision" in about
          ? { case: "decision", value: about.decision }
          : { case: "question", value: { permission: about.permission, object: about.object } },
    },
    // What was changed since the dialog was last open is what people look for.
    { staleTime: 0 },
  );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={query.data?.allowed ? "Why you may" : "Why you may not"}
      description="What you may do follows from your roles, and from the conditions under which you have them."
    >
      <QueryView query={query} title="The reason could not be read">
        {(explanation) => <Explanation explanation={explanation} />}
      </QueryView>
    </Dialog>
  );
}
