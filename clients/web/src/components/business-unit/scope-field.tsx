import { useUnits } from "~/lib/unit";
import { Field, Select } from "~/ui/field";

export interface ScopeFieldProps {
  value: string;
  onChange: (scope: string) => void;
  errors?: readonly string[];
}

/** Where something holds: in the whole organization, or in one business unit. */
export function ScopeField({ value, onChange, errors }: ScopeFieldProps) {
  const units = useUnits();
  return (
    <Field label="Where" errors={errors}>
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">In the whole organization</option>
          {(units.data?.businessUnits ?? []).map(({ name, displayName, code }) => (
            <option key={name} value={name}>
              {displayName || code}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
