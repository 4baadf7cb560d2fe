// The fields that groups, teams, units and organizations have alike: what they are called, and the id that is made of it.

import { Field, Input, TextArea } from "~/ui/field";

type ErrorsOf = (field: string) => string[];

interface TextProps {
  value: string;
  onChange: (value: string) => void;
  errorsOf: ErrorsOf;
}

export function NameField({ value, onChange, errorsOf }: TextProps) {
  return (
    <Field label="Name" help="What people call it." required errors={errorsOf("display_name")}>
      {(control) => (
        <Input
          {...control}
          dir="auto"
          autoComplete="off"
          maxLength={255}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export function IdField({ value, onChange, errorsOf, field }: TextProps & { field: string }) {
  return (
    <Field
      label="Id"
      help="Small letters, digits and hyphens, a letter first. It stands in addresses and never changes."
      required
      errors={errorsOf(field)}
    >
      {(control) => (
        <Input
          {...control}
          className="font-mono"
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          maxLength={63}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export function DescriptionField({ value, onChange, errorsOf, max }: TextProps & { max: number }) {
  return (
    <Field label="Description" errors={errorsOf("description")}>
      {(control) => (
        <TextArea
          {...control}
          dir="auto"
          className="min-h-14"
          maxLength={max}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
