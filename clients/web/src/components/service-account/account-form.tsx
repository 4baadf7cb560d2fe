import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { DescriptionField, IdField } from "~/components/named-fields";
import {
  type ServiceAccount,
  ServiceAccountKind,
  ServiceAccountService,
} from "~/gen/flagstone/v1/service_account_service_pb";
import { Field, Select } from "~/ui/field";
import { KIND_CHOICES } from "./account-list";

/** Makes a service account without any right. */
export function CreateAccount({ onDone, onClose }: { onDone: (name: string) => void; onClose: () => void }) {
  const [id, setId] = useState("");
  const [kind, setKind] = useState(ServiceAccountKind.MACHINE);
  const [description, setDescription] = useState("");
  return (
    <MutationDialog
      title="Create a service account"
      description="It begins without any right: give it a role afterwards."
      action="Create service account"
      busy="Creating it"
      failure="The service account was not made"
      method={ServiceAccountService.method.createServiceAccount}
      call={(ids) => ({
        serviceAccountId: id.trim(),
        serviceAccount: { kind, description: description.trim() },
        ...ids,
      })}
      reason={!id.trim() && "Give it an id."}
      refreshes={["service_account"]}
      onDone={({ name }) => onDone(name)}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <IdField value={id} onChange={setId} errorsOf={errorsOf} field="service_account_id" />
          <Field
            label="Kind"
            help={`${KIND_CHOICES.find((choice) => choice.kind === kind)?.about} It never changes.`}
            errors={errorsOf("kind")}
          >
            {(control) => (
              <Select {...control} value={kind} onChange={(event) => setKind(Number(event.target.value))}>
                {KIND_CHOICES.map((choice) => (
                  <option key={choice.kind} value={choice.kind}>
                    {choice.word}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={1000} />
        </>
      )}
    </MutationDialog>
  );
}

/** Changes what a service account says of itself. */
export function EditAccount({
  account: { name, etag, ...account },
  onClose,
}: {
  account: ServiceAccount;
  onClose: () => void;
}) {
  const [description, setDescription] = useState(account.description);
  return (
    <MutationDialog
      title="Change the description"
      action="Save description"
      busy="Saving"
      failure="The service account was not changed"
      method={ServiceAccountService.method.updateServiceAccount}
      call={(ids) => ({
        serviceAccount: { name, etag, description: description.trim() },
        updateMask: { paths: ["description"] },
        ...ids,
      })}
      refreshes={["service_account"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={1000} />}
    </MutationDialog>
  );
}
