import { Field, Input } from "~/ui/field";

export interface Details {
  fullName: string;
  email: string;
}

/** Name and address of an account. */
export function DetailsFields({
  details,
  onChange,
  errorsOf,
}: {
  details: Details;
  onChange: (details: Details) => void;
  errorsOf: (field: string) => readonly string[];
}) {
  return (
    <>
      <Field label="Full name" required errors={errorsOf("full_name")}>
        {(control) => (
          <Input
            {...control}
            dir="auto"
            autoComplete="off"
            maxLength={255}
            value={details.fullName}
            onChange={(event) => onChange({ ...details, fullName: event.target.value })}
          />
        )}
      </Field>
      <Field label="E-mail address" required errors={errorsOf("email")}>
        {(control) => (
          <Input
            {...control}
            type="email"
            autoComplete="off"
            maxLength={320}
            value={details.email}
            onChange={(event) => onChange({ ...details, email: event.target.value })}
          />
        )}
      </Field>
    </>
  );
}

/** The details as they are sent. */
export function trimmed({ fullName, email }: Details): Details {
  return { fullName: fullName.trim(), email: email.trim() };
}
