// Changes what a request asks for, while its apply has not started. Only its requester may.

import { useMutation, useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { ErrorReason, problemOf } from "~/api/errors";
import { Page, Skeleton } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { StateBadge } from "~/components/state-badge";
import { type Request, RequestService, RequestState } from "~/gen/flagstone/v1/request_service_pb";
import { TemplateService } from "~/gen/flagstone/v1/template_service_pb";
import { idOf } from "~/lib/names";
import { type FormKind, formOf, maskedCount, type RequestForm, type RequestInit, requestOf } from "~/lib/request-form";
import { useFormDraft } from "~/lib/use-form-draft";
import { useRequestId } from "~/lib/use-request-id";
import type { Step } from "~/lib/wizard-step";
import { Button } from "~/ui/button";
import { CostFields, NameFields, WhereFields, WhyFields } from "./fields";
import { KeptSecrets } from "./kept-secrets";
import { RequestWizard } from "./request-wizard";
import { RestoredNotice } from "./restored-notice";
import { DryRun, Review } from "./review";
import { StaleEtag } from "./stale-etag";
import { VersionField } from "./version-field";

export interface EditRequestProps {
  /** As it is on the server now. */
  request: Request;
  user: string;
  step: Step;
  onStep: (step: Step) => void;
  /** Reads the request again. */
  refresh: () => Promise<Request | undefined>;
}

function kindOf(request: Request): FormKind {
  return request.payload.case ?? "create";
}

export function EditRequest({ request: first, user, step, onStep, refresh }: EditRequestProps) {
  const go = useNavigate();
  // What the person decides against: it changes only when they have seen a newer one.
  const [base, setBase] = useState(first);
  const [newer, setNewer] = useState<Request>();
  const kind = kindOf(base);
  const original = formOf(base);
  const [initial] = useState(original);
  const isDraft = base.state === RequestState.DRAFT;

  const [version, setVersion] = useState(original.templateVersion);
  const found = useQuery(TemplateService.method.getTemplateVersion, version ? { name: version } : skipToken, {
    staleTime: Number.POSITIVE_INFINITY,
  });
  const schema = found.data?.inputSchema;
  const { form, change, forget, reset, isRestored, isChanged } = useFormDraft(
    `edit.${base.code}`,
    user,
    initial,
    schema,
  );
  const payload = base.payload;
  const stored = payload.case === "create" || payload.case === "update" ? (payload.value.inputs ?? {}) : {};
  const masked = maskedCount(stored);
  const sameInputs = JSON.stringify(form.inputs) === JSON.stringify(original.inputs);
  const sent = { keepInputs: masked > 0 && sameInputs && form.templateVersion === original.templateVersion };
  const content = requestOf(kind, form, sent);
  const request = { ...content, name: base.name, etag: base.etag };
  const paths = ["title", "description", ...(kind === "destroy" ? [] : ["tags", kind])];

  const update = useMutation(RequestService.method.updateRequest);
  const submit = useMutation(RequestService.method.submitRequest);
  const saveId = useRequestId(["save", request]);
  const submitId = useRequestId(["submit", base.name, request]);
  const [lastSent, setLastSent] = useState<RequestInit>();
  const save = async (andSubmit: boolean) => {
    setLastSent(content);
    try {
      const saved = await update.mutateAsync({ request, updateMask: { paths }, requestId: saveId.id });
      setBase(saved);
      if (andSubmit) await submit.mutateAsync({ name: saved.name, etag: saved.etag, requestId: submitId.id });
      forget();
      await go({ to: "/requests/$code", params: { code: base.code }, replace: true });
    } catch (error) {
      if (problemOf(error).reason === ErrorReason.ETAG_MISMATCH) setNewer(await refresh());
      // Anything else stands in the mutation, and is shown.
    }
  };
  const dryRun = useQuery(
    RequestService.method.updateRequest,
    step === "review" ? { request, updateMask: { paths }, validateOnly: true } : skipToken,
    { gcTime: 0, retry: false },
  );
  // The dry run finds it out before anything is sent.
  const foundStale = dryRun.error != null && problemOf(dryRun.error).reason === ErrorReason.ETAG_MISMATCH;
  const refreshLatest = useRef(refresh);
  refreshLatest.current = refresh;
  useEffect(() => {
    if (foundStale) void refreshLatest.current().then(setNewer);
  }, [foundStale]);
  const error = update.error ?? submit.error;
  const isStale = error != null && problemOf(error).reason === ErrorReason.ETAG_MISMATCH;
  const busy = update.isPending || submit.isPending;
  return (
    <Page
      title={`Edit ${base.code}`}
      badges={<StateBadge kind="request" state={base.state} />}
      lead={<span dir="auto">{base.title}</span>}
      crumbs={[
        { to: "/requests", label: "Requests" },
        { to: "/requests/$code", params: { code: base.code }, label: base.code },
      ]}
      actions={
        isChanged && (
          <Button size="sm" variant="ghost" onClick={reset}>
            Undo all changes
          </Button>
        )
      }
    >
      {!isDraft && <Voids />}
      {isRestored && schema && <RestoredNotice schema={schema} onReset={reset} />}
      {newer && (
        <StaleEtag
          theirs={shownOf(formOf(newer))}
          mine={shownOf(form)}
          keepMine={() => {
            setBase(newer);
            setNewer(undefined);
            update.reset();
          }}
          takeTheirs={() => {
            setBase(newer);
            setNewer(undefined);
            update.reset();
            change(formOf(newer));
          }}
        />
      )}
      <RequestWizard
        kind={kind}
        form={form}
        change={change}
        schema={schema}
        sent={sent}
        step={step}
        onStep={onStep}
        inputsPending={
          <QueryView query={found} title="The template version could not be read">
            {() => <Skeleton />}
          </QueryView>
        }
        target={(shown) => (
          <>
            {kind === "create" && <WhereFields form={form} change={change} shown={shown} isUnitFixed />}
            {kind === "create" && (
              <NameFields
                form={form}
                change={change}
                shown={shown}
                reserved={isDraft || !base.deployment ? undefined : idOf(base.deployment)}
              />
            )}
            {kind !== "destroy" && (
              <VersionField
                value={form.templateVersion}
                onChange={(templateVersion) => {
                  setVersion(templateVersion);
                  change({ templateVersion });
                }}
              />
            )}
            {masked > 0 && <KeptSecrets count={masked} isKept={sent.keepInputs} />}
          </>
        )}
        afterTags={kind === "create" ? (shown) => <CostFields form={form} change={change} shown={shown} /> : undefined}
        below={(shown) => <WhyFields form={form} change={change} shown={shown} />}
        review={
          <Review
            kind={kind}
            form={form}
            schema={schema}
            keepsInputs={sent.keepInputs}
            before={{
              inputs: original.inputs,
              tags: requestOf(kind, original).tags as Record<string, string>,
              templateVersion: original.templateVersion,
              schema,
            }}
          >
            <DryRun query={dryRun} sendError={error} />
          </Review>
        }
        send={
          isDraft
            ? { label: `Submit ${base.code}`, busy: busy && "Submitting", run: () => void save(true) }
            : { label: `Save ${base.code}`, busy: busy && "Saving", run: () => void save(false) }
        }
        others={
          isDraft
            ? (blocked) => (
                <Button
                  busy={busy && "Saving"}
                  reason={blocked && `A draft has to be complete too. ${blocked}`}
                  onClick={() => void save(false)}
                >
                  Save draft
                </Button>
              )
            : undefined
        }
        lastTry={isStale ? undefined : { error, request: lastSent }}
        failure="The request was not changed"
      />
    </Page>
  );
}

/** The content as two versions are compared. */
function shownOf(form: RequestForm) {
  const { tags, unit: _, ...rest } = form;
  return { ...rest, tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])) };
}

function Voids() {
  return (
    <div role="note" className="flex items-start gap-2 rounded-md border border-line-strong bg-waiting-soft px-3 py-2">
      <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-waiting" />
      <p>
        Changing the content voids the plan and every approval given so far. The request is planned anew and has to be
        approved again.
      </p>
    </div>
  );
}
