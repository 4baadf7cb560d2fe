import { useMutation } from "@connectrpc/connect-query";
import { useNavigate } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { refreshObjects } from "~/api/queries";
import { WhyNot } from "~/components/access/why-not";
import { ConfirmRisk } from "~/components/confirm-risk";
import { TierBadge } from "~/components/tier-badge";
import type { Deployment } from "~/gen/flagstone/v1/deployment_service_pb";
import type { Effects } from "~/gen/flagstone/v1/effects_pb";
import { type PreviewRequestResponse, RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { count } from "~/lib/format";
import { idOf, unitOf } from "~/lib/names";
import { useRegisterActions } from "~/lib/shortcuts";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { useDeploymentReason } from "./use-deployment-reason";

/** Asks for the end of a deployment: dry run, typed confirmation, then a request that is decided as any other. */
export function DestroyDeployment({ deployment }: { deployment: Deployment }) {
  const { name, tier, resourceCount } = deployment;
  const unit = `businessUnits/${unitOf(name)}`;
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const requestId = useRequestId(["destroy", name, deployment.etag]);
  const dryRun = useMutation(RequestService.method.createRequest);
  // The dry run ends where the plan begins; who will have to approve is known before.
  const preview = useMutation(RequestService.method.previewRequest);
  const destroy = useMutation(RequestService.method.createRequest, {
    onSuccess: ({ code }) => {
      requestId.renew();
      refreshObjects(["request", "deployment"]);
      void navigate({ to: "/requests/$code", params: { code } });
    },
  });
  const request = { payload: { case: "destroy" as const, value: { deployment: name } } };
  const look = () => {
    dryRun.mutate({ parent: unit, request, validateOnly: true, requestId: crypto.randomUUID() });
    preview.mutate({ parent: unit, request });
  };
  const begin = () => {
    destroy.reset();
    look();
    setOpen(true);
  };
  const { reason, denied } = useDeploymentReason("delete", deployment);
  useRegisterActions(reason ? [] : [{ label: "Destroy deployment", group: "Deployment", run: begin }]);
  const what = resourceCount > 0 ? count(resourceCount, "resource") : "deployment";
  return (
    <>
      <Button icon={<Trash2 aria-hidden className="size-4" />} onClick={begin} reason={reason}>
        Destroy deployment
      </Button>
      {denied && <WhyNot {...denied} action="destroy this deployment" />}
      <ConfirmRisk
        open={open}
        onOpenChange={setOpen}
        title={`Destroy ${idOf(name)}?`}
        description={
          <>
            Asks for the end of {resourceCount > 0 ? `its ${what}` : "this deployment"} in <TierBadge tier={tier} /> and
            of all data in it. First a plan is made; what it destroys is shown before anything happens.
          </>
        }
        confirmText={idOf(name)}
        action={`Destroy ${what}`}
        reason={destroy.isPending ? undefined : reason}
        effects={withApprovals(dryRun.data?.effects, preview.data)}
        onConfirm={() => destroy.mutate({ parent: unit, request, requestId: requestId.id })}
        busy={destroy.isPending && "Sending the request"}
        error={destroy.error ?? dryRun.error ?? preview.error}
        onRetry={destroy.error ? undefined : look}
      />
    </>
  );
}

/** What the dry run and the preview say together; nothing until both have answered. */
function withApprovals(effects: Effects | undefined, preview: PreviewRequestResponse | undefined): Effects | undefined {
  if (!effects || !preview) return undefined;
  const { approvals, policyResults } = preview;
  return effects.approvals.length > 0 ? effects : { ...effects, approvals, policyResults };
}
