// The fields of a question about access: who, which permission, on what.

import { useId } from "react";
import { usePermissionRegistry } from "~/lib/permission-registry";
import { useUnits } from "~/lib/unit";
import { Field, Input } from "~/ui/field";

interface TextFieldProps {
  value: string;
  onChange: (value: string) => void;
  errors?: readonly string[];
}

/** How names and permissions are typed. */
export const PLAIN = {
  className: "font-mono text-sm",
  autoCapitalize: "none",
  autoComplete: "off",
  spellCheck: false,
} as const;

export function PrincipalField({ value, onChange, errors }: TextFieldProps) {
  return (
    <Field label="Who" help="A username or serviceAccounts/…; empty for yourself." errors={errors}>
      {(control) => (
        <Input
          {...control}
          {...PLAIN}
          maxLength={255}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export function PermissionField({ value, onChange, errors }: TextFieldProps) {
  const list = useId();
  const known = usePermissionRegistry() ?? [];
  return (
    <Field label="Permission" help="Begin to type what it is about." required errors={errors}>
      {(control) => (
        <>
          <Input
            {...control}
            {...PLAIN}
            list={list}
            maxLength={255}
            placeholder="business_unit:requests:create"
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
          <datalist id={list}>
            {known.map(({ permission, displayName }) => (
              <option key={permission} value={permission}>
                {displayName}
              </option>
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}

export function ObjectField({ value, onChange, errors }: TextFieldProps) {
  const list = useId();
  const units = useUnits().data?.businessUnits ?? [];
  return (
    <Field
      label="On"
      help="The resource name of an object or a business unit; empty for the organization."
      errors={errors}
    >
      {(control) => (
        <>
          <Input
            {...control}
            {...PLAIN}
            list={list}
            maxLength={1000}
            placeholder="businessUnits/eng/deployments/shop"
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
          <datalist id={list}>
            {units.map(({ name, displayName, code }) => (
              <option key={name} value={name}>
                {displayName || code}
              </option>
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
