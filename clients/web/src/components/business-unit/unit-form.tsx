import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { DescriptionField, NameField } from "~/components/named-fields";
import { type Person, PersonField } from "~/components/user/person-field";
import { type BusinessUnit, BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { useMe } from "~/lib/me";
import { idOf } from "~/lib/names";
import { codeFor } from "~/lib/onboarding";
import { Field, Input } from "~/ui/field";

/** Makes a business unit, with an environment of each tier and an owner. */
export function CreateUnit({ onDone, onClose }: { onDone: (name: string) => void; onClose: () => void }) {
  const me = useMe();
  const [displayName, setDisplayName] = useState("");
  const [typedCode, setTypedCode] = useState<string>();
  const [description, setDescription] = useState("");
  const [owner, setOwner] = useState<Person>();
  const code = (typedCode ?? codeFor(displayName)).trim();
  return (
    <MutationDialog
      title="Create a business unit"
      description="With an environment of each tier, so that something can be ordered in it at once."
      action="Create business unit"
      busy="Creating it"
      failure="The business unit was not created"
      method={BusinessUnitService.method.createBusinessUnit}
      call={(ids) => ({
        businessUnit: {
          code,
          displayName: displayName.trim(),
          description: description.trim(),
          owner: owner?.name ?? "",
        },
        ...ids,
      })}
      reason={(!displayName.trim() || !code) && "Give it a name and a code."}
      refreshes={["business_unit", "environment", "business_unit_member"]}
      onDone={({ name }) => onDone(name)}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <Field
            label="Code"
            help="A letter, then letters, digits and hyphens, at most 50. It stands in addresses and tags, and never changes."
            required
            errors={errorsOf("code")}
          >
            {(control) => (
              <Input
                {...control}
                className="font-mono"
                autoCapitalize="characters"
                autoComplete="off"
                spellCheck={false}
                maxLength={50}
                value={code}
                onChange={(event) => setTypedCode(event.target.value)}
              />
            )}
          </Field>
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={1000} />
          <PersonField
            label="Owner"
            help={`Manages its members and groups. Nobody picked means you${me ? `, ${me.fullName || me.username}` : ""}.`}
            value={owner}
            onChange={setOwner}
            errors={errorsOf("owner")}
          />
        </>
      )}
    </MutationDialog>
  );
}

/** Changes what a business unit is called and who owns it. */
export function EditUnit({ unit: { name, etag, ...unit }, onClose }: { unit: BusinessUnit; onClose: () => void }) {
  const [displayName, setDisplayName] = useState(unit.displayName);
  const [description, setDescription] = useState(unit.description);
  const [owner, setOwner] = useState<Person>();
  return (
    <MutationDialog
      title="Change the business unit"
      action="Save business unit"
      busy="Saving"
      failure="The business unit was not changed"
      method={BusinessUnitService.method.updateBusinessUnit}
      call={(ids) => ({
        businessUnit: {
          name,
          etag,
          displayName: displayName.trim(),
          description: description.trim(),
          owner: owner?.name ?? "",
        },
        updateMask: { paths: ["display_name", "description", ...(owner ? ["owner"] : [])] },
        ...ids,
      })}
      reason={!displayName.trim() && "Give it a name."}
      refreshes={["business_unit", "business_unit_member"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <NameField value={displayName} onChange={setDisplayName} errorsOf={errorsOf} />
          <DescriptionField value={description} onChange={setDescription} errorsOf={errorsOf} max={1000} />
          <PersonField
            label="New owner"
            help={`${
              unit.owner ? `Now it is ${idOf(unit.owner)}, who stays a member` : "It has none now"
            }. Nobody picked leaves it so.`}
            value={owner}
            onChange={setOwner}
            errors={errorsOf("owner")}
          />
        </>
      )}
    </MutationDialog>
  );
}
