// What can be done with a request in the state it is in.

import { useMutation } from "@connectrpc/connect-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Pencil, RotateCcw, Send, ShoppingBag, X } from "lucide-react";
import { useState } from "react";
import { refreshObjects } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { CopyButton } from "~/components/copy-button";
import { ErrorNotice } from "~/components/error-notice";
import { type Request, RequestService, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { useMe, usePermissions } from "~/lib/me";
import { idOf, partOf } from "~/lib/names";
import { useRegisterActions } from "~/lib/shortcuts";
import { useRequestId } from "~/lib/use-request-id";
import { Button, buttonClass } from "~/ui/button";
import { CancelRequest } from "./cancel-request";
import { useRequestJobs } from "./request-jobs";

const CANCEL = "business_unit:requests:cancel";
const RETRY = "business_unit:deployments:retry";
const OPEN = [RequestState.DRAFT, RequestState.PLANNING, RequestState.PENDING_APPROVAL, RequestState.APPROVED];
const ENDED = [RequestState.REJECTED, RequestState.CANCELLED, RequestState.EXPIRED];

export function RequestActions({ request }: { request: Request }) {
  const { name, code, state, etag, requester, payload } = request;
  const navigate = useNavigate();
  const me = useMe();
  const { holds } = usePermissions();
  const [cancelling, setCancelling] = useState(false);
  const jobs = useRequestJobs(request);
  const isMine = me?.name === requester;
  const onSuccess = () => refreshObjects(["request"]);
  const submit = useMutation(RequestService.method.submitRequest, { onSuccess });
  const retry = useMutation(RequestService.method.retryRequest, { onSuccess });
  const submitId = useRequestId(["submit", name, etag]);
  const retryId = useRequestId(["retry", name, etag]);

  const isOpen = OPEN.includes(state);
  const isFailed = state === RequestState.FAILED;
  const hasChanged = jobs.data?.jobs.some(({ applyStarted }) => applyStarted) ?? false;
  const onlyRequester = isMine ? undefined : `Only its requester, ${idOf(requester)}, may do this.`;
  const checks = useChecks([
    { permission: CANCEL, object: name },
    { permission: RETRY, object: name },
  ]);
  const mayCancel = checks.may(CANCEL, name) || (isMine && holds("user:requests:cancel:own"));
  const cancelReason = !mayCancel
    ? (onlyRequester ?? checks.reason(CANCEL, name))
    : state === RequestState.APPLYING
      ? "Its apply is running. Cancel the job instead: what it has saved is kept."
      : isFailed && hasChanged
        ? "Its apply had started: what it changed is there. Retry it with a fresh plan."
        : undefined;
  const template = payload.case === "create" ? partOf(payload.value.templateVersion, "templates") : "";
  const link = `${window.location.origin}/requests/${encodeURIComponent(code)}`;
  useRegisterActions([
    { label: `Copy the link of ${code}`, group: "Request", run: () => void navigator.clipboard.writeText(link) },
    ...(isOpen && !onlyRequester
      ? [
          {
            label: "Edit request",
            group: "Request",
            keys: "e",
            run: () => void navigate({ to: "/requests/$code/edit", params: { code } }),
          },
        ]
      : []),
  ]);
  const error = submit.error ?? retry.error;
  return (
    <>
      <CopyButton text={link} label={`Copy the link of ${code}`} />
      {isOpen &&
        (onlyRequester ? (
          <Button size="sm" icon={<Pencil aria-hidden className="size-3.5" />} reason={onlyRequester}>
            Edit request
          </Button>
        ) : (
          <Link to="/requests/$code/edit" params={{ code }} className={buttonClass("secondary", "sm")}>
            <Pencil aria-hidden className="size-3.5" />
            Edit request
          </Link>
        ))}
      {(isOpen || isFailed || state === RequestState.APPLYING) && (
        <Button
          size="sm"
          icon={<X aria-hidden className="size-3.5" />}
          reason={cancelReason}
          onClick={() => setCancelling(true)}
        >
          Cancel request
        </Button>
      )}
      {isFailed && (
        <Button
          size="sm"
          variant="primary"
          icon={<RotateCcw aria-hidden className="size-3.5" />}
          reason={checks.reason(RETRY, name)}
          busy={retry.isPending && "Sending"}
          onClick={() => retry.mutate({ name, etag, requestId: retryId.id })}
        >
          Retry request
        </Button>
      )}
      {isFailed && checks.reason(RETRY, name) && (
        <WhyNot permission={RETRY} object={name} action="retry this request" />
      )}
      {state === RequestState.DRAFT && (
        <Button
          size="sm"
          variant="primary"
          icon={<Send aria-hidden className="size-3.5" />}
          reason={onlyRequester}
          busy={submit.isPending && "Submitting"}
          onClick={() => submit.mutate({ name, etag, requestId: submitId.id })}
        >
          Submit request
        </Button>
      )}
      {ENDED.includes(state) && template && (
        <Link
          to="/templates/$template/order"
          params={{ template }}
          search={{ from: code }}
          className={buttonClass("primary", "sm")}
        >
          <ShoppingBag aria-hidden className="size-3.5" />
          Order again
        </Link>
      )}
      {cancelling && <CancelRequest request={request} close={() => setCancelling(false)} />}
      {error && (
        <div className="basis-full">
          <ErrorNotice error={error} />
        </div>
      )}
    </>
  );
}
