import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { RoleField } from "~/components/role/role-field";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { useAssignableRoles } from "~/lib/roles";
import { useUnits } from "~/lib/unit";
import { Field, Input, Select } from "~/ui/field";

export interface AddBusinessUnitMemberProps {
  /** `businessUnits/{bu}` where that is fixed. */
  unit?: string;
  /** Whose address it is, where that is fixed. */
  email?: string;
  onClose: () => void;
}

/** Makes somebody a member of a business unit, with one role there. */
export function AddBusinessUnitMember({ unit, email, onClose }: AddBusinessUnitMemberProps) {
  const units = useUnits();
  const [parent, setParent] = useState(unit ?? "");
  const [address, setAddress] = useState(email ?? "");
  const [role, setRole] = useState("");
  const { roles } = useAssignableRoles(parent);
  return (
    <MutationDialog
      title="Add a member"
      description="You can give only roles whose permissions you hold in the unit yourself."
      action="Add member"
      busy="Adding"
      failure="Nobody was added"
      method={BusinessUnitService.method.addBusinessUnitMember}
      call={(ids) => ({ parent, email: address.trim(), role, ...ids })}
      reason={!parent ? "Choose a business unit." : !address.trim() ? "Fill in an address." : !role && "Choose a role."}
      refreshes={["business_unit_member"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          {email === undefined && (
            <Field
              label="E-mail address"
              help="Of somebody who has an account. Invite everybody else."
              required
              errors={errorsOf("email")}
            >
              {(control) => (
                <Input
                  {...control}
                  type="email"
                  autoComplete="off"
                  maxLength={320}
                  value={address}
                  onChange={(event) => setAddress(event.target.value)}
                />
              )}
            </Field>
          )}
          {unit === undefined && (
            <Field label="Business unit" required errors={errorsOf("parent")}>
              {(control) => (
                <Select
                  {...control}
                  value={parent}
                  onChange={(event) => {
                    setParent(event.target.value);
                    setRole("");
                  }}
                >
                  <option value="">Choose a business unit</option>
                  {(units.data?.businessUnits ?? []).map(({ name, displayName, code }) => (
                    <option key={name} value={name}>
                      {displayName || code}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          <RoleField roles={roles} value={role} onChange={setRole} errors={errorsOf("role")} />
        </>
      )}
    </MutationDialog>
  );
}
