import { useState } from "react";
import { session } from "~/api/client";
import { ErrorReason, problemOf } from "~/api/errors";
import { ErrorNotice } from "~/components/error-notice";
import { formatMillis } from "~/lib/format";
import { useWait } from "~/lib/use-wait";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";

export interface PasswordFormProps {
  /** Whose password, where that is settled. */
  fixedIdentifier?: string | undefined;
  /** The organization that the address of the page names. */
  organization?: string | undefined;
  onDone: () => void;
}

/** Identifier and password; the organization only where the server asks for it. */
export function PasswordForm({ fixedIdentifier, organization: named = "", onDone }: PasswordFormProps) {
  const [identifier, setIdentifier] = useState(fixedIdentifier ?? "");
  const [password, setPassword] = useState("");
  const [typedOrganization, setOrganization] = useState("");
  const [asksOrganization, setAsksOrganization] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    if (busy || wait > 0) return;
    setBusy(true);
    setError(undefined);
    try {
      await session.login(identifier.trim(), password, named || typedOrganization.trim());
      onDone();
    } catch (failure) {
      setError(failure);
      if (problemOf(failure).reason === ErrorReason.ORGANIZATION_REQUIRED) setAsksOrganization(true);
    } finally {
      setBusy(false);
    }
  };
  const problem = error ? problemOf(error) : undefined;
  const wait = useWait(problem?.retryAfter, error);
  const fields = problem?.fields ?? [];
  const errorsOf = (field: string) => fields.filter((one) => one.field === field).map(({ message }) => message);
  return (
    <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4" noValidate>
      {error !== undefined && <ErrorNotice error={error} title="You are not logged in" fieldsElsewhere />}
      <Field label="Username or e-mail address" required errors={errorsOf("identifier")}>
        {(control) => (
          <Input
            {...control}
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={320}
            value={identifier}
            readOnly={fixedIdentifier !== undefined}
            onChange={(event) => setIdentifier(event.target.value)}
          />
        )}
      </Field>
      <Field label="Password" required errors={errorsOf("password")}>
        {(control) => (
          <Input
            {...control}
            name="password"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
      </Field>
      {asksOrganization && !named && (
        <Field
          label="Organization"
          help="The id of your organization, for instance acme."
          required
          errors={errorsOf("organization")}
        >
          {(control) => (
            <Input
              {...control}
              name="organization"
              autoCapitalize="none"
              spellCheck={false}
              value={typedOrganization}
              onChange={(event) => setOrganization(event.target.value)}
            />
          )}
        </Field>
      )}
      <Button
        type="submit"
        variant="primary"
        busy={busy && "Logging in"}
        reason={wait > 0 && `Too many attempts: wait ${formatMillis(wait * 1_000)}.`}
      >
        Log in
      </Button>
    </form>
  );
}
