import type { RoleOption } from "~/lib/roles";
import { Field, Select } from "~/ui/field";

export interface RoleFieldProps {
  label?: string;
  roles: readonly RoleOption[];
  value: string;
  onChange: (role: string) => void;
  errors?: readonly string[];
}

/** Chooses a role, and says what it is for. */
export function RoleField({ label = "Role", roles, value, onChange, errors }: RoleFieldProps) {
  return (
    <Field label={label} required help={roles.find(({ name }) => name === value)?.description} errors={errors}>
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">Choose a role</option>
          {roles.map(({ name, displayName }) => (
            <option key={name} value={name}>
              {displayName}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
