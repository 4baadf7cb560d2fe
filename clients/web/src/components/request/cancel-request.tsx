import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { problemOf } from "~/api/errors";
import { refreshObjects } from "~/api/queries";
import { ErrorNotice } from "~/components/error-notice";
import { type Request, RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { Field, TextArea } from "~/ui/field";

/** Withdraws a request, with a reason for those who look at it later. */
export function CancelRequest({ request: { name, code, etag }, close }: { request: Request; close: () => void }) {
  const [reason, setReason] = useState("");
  const body = { name, etag, reason: reason.trim() };
  const requestId = useRequestId(body);
  const cancel = useMutation(RequestService.method.cancelRequest, {
    onSuccess: () => {
      refreshObjects(["request", "approval"]);
      close();
    },
    onError: () => refreshObjects(["request"]),
  });
  const send = () => {
    if (!cancel.isPending) cancel.mutate({ ...body, requestId: requestId.id });
  };
  const ofReason = cancel.error
    ? problemOf(cancel.error).fields.flatMap(({ field, message }) => (field === "reason" ? [message] : []))
    : [];
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      width="sm"
      title={`Cancel ${code}`}
      description="Its plan and its open approval become void. A deployment that it only reserved is given up."
      footer={
        <>
          <Button onClick={close}>Keep request</Button>
          <Button variant="danger" busy={cancel.isPending && "Cancelling"} onClick={send}>
            Cancel request
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <Field label="Reason" help="Shown in the timeline." errors={ofReason}>
          {(control) => (
            <TextArea
              {...control}
              dir="auto"
              maxLength={1_000}
              value={reason}
              onChange={(event) => setReason(event.target.value)}
              onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && send()}
            />
          )}
        </Field>
        {cancel.error && ofReason.length === 0 && <ErrorNotice error={cancel.error} />}
      </div>
    </Dialog>
  );
}
