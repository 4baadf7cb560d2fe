import { create } from "@bufbuild/protobuf";
import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { problemOf } from "~/api/errors";
import { queryClient } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { ErrorNotice } from "~/components/error-notice";
import { QueryView } from "~/components/query-view";
import { type Organization, OrganizationSchema, OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Field, Input, TextArea } from "~/ui/field";
import type { StepProps } from "./steps";

/** What people call the organization, and what it is. */
export function OrganizationStep(props: StepProps) {
  const query = useQuery(OrganizationService.method.getCurrentOrganization, {});
  return (
    <QueryView query={query} title="The organization could not be read" lines={5}>
      {(organization) => <Form key={organization.etag} organization={organization} {...props} />}
    </QueryView>
  );
}

const UPDATE = "platform:organizations:update";

function Form({ organization, isDone, onConfirm, confirming, reason }: StepProps & { organization: Organization }) {
  const [displayName, setDisplayName] = useState(organization.displayName);
  const [description, setDescription] = useState(organization.description);
  const content = { displayName: displayName.trim(), description: description.trim() };
  const isSame = content.displayName === organization.displayName && content.description === organization.description;
  const { id } = useRequestId([content, organization.etag]);
  const denied = useChecks([{ permission: UPDATE, object: "" }]).reason(UPDATE, "");
  const update = useMutation(OrganizationService.method.updateOrganization, {
    onSuccess: () => void queryClient.invalidateQueries(),
  });
  const fields = update.error ? problemOf(update.error).fields : [];
  const errorsOf = (field: string) => fields.filter((one) => one.field.endsWith(field)).map(({ message }) => message);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (update.isPending || confirming || (isSame ? reason : denied)) return;
    if (isSame) return onConfirm();
    const { name, etag } = organization;
    update.mutate({
      organization: create(OrganizationSchema, { name, etag, ...content }),
      updateMask: { paths: ["display_name", "description"] },
      requestId: id,
    });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
      {update.error != null && <ErrorNotice error={update.error} title="Nothing was changed" fieldsElsewhere />}
      <Field label="Name" required errors={errorsOf("display_name")}>
        {(control) => (
          <Input
            {...control}
            dir="auto"
            maxLength={255}
            value={displayName}
            onChange={(event) => setDisplayName(event.target.value)}
          />
        )}
      </Field>
      <Field label="Description" errors={errorsOf("description")}>
        {(control) => (
          <TextArea
            {...control}
            dir="auto"
            maxLength={1_000}
            value={description}
            onChange={(event) => setDescription(event.target.value)}
          />
        )}
      </Field>
      <div>
        <Button
          type="submit"
          variant="primary"
          busy={update.isPending ? "Changing it" : confirming && "Confirming it"}
          reason={isSame ? (reason ?? (isDone && "Nothing is changed.")) : denied}
        >
          {isSame ? "Keep this name" : "Change organization"}
        </Button>
      </div>
    </form>
  );
}
