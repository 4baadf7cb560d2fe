import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { transport } from "~/api/client";
import { problemOf } from "~/api/errors";
import { ErrorNotice } from "~/components/error-notice";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";

const client = createClient(AuthService, transport);

/** Sets a new password; other sessions of the person end. */
export function ChangePasswordForm({ onDone }: { onDone: (revokedSessions: number) => void }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const differs = again !== "" && again !== next;

  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    if (busy || again !== next) return;
    setBusy(true);
    setError(undefined);
    try {
      const requestId = crypto.randomUUID();
      const answer = await client.changePassword({ currentPassword: current, newPassword: next, requestId });
      setCurrent("");
      setNext("");
      setAgain("");
      onDone(answer.revokedSessions);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const fields = error ? problemOf(error).fields : [];
  const errorsOf = (field: string) => fields.filter((one) => one.field === field).map(({ message }) => message);
  const input = (autoComplete: string, value: string, set: (value: string) => void) => (control: object) => (
    <Input
      {...control}
      type="password"
      autoComplete={autoComplete}
      value={value}
      onChange={(event) => set(event.target.value)}
    />
  );
  return (
    <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4" noValidate>
      {error !== undefined && <ErrorNotice error={error} title="The password was not changed" fieldsElsewhere />}
      <Field label="Current password" required errors={errorsOf("current_password")}>
        {input("current-password", current, setCurrent)}
      </Field>
      <Field
        label="New password"
        help="At least 12 characters. Not a common one, and without your name or e-mail address."
        required
        errors={errorsOf("new_password")}
      >
        {input("new-password", next, setNext)}
      </Field>
      <Field label="New password again" required errors={differs ? ["This is not the same as above."] : []}>
        {input("new-password", again, setAgain)}
      </Field>
      <div>
        <Button
          type="submit"
          variant="primary"
          busy={busy && "Changing the password"}
          reason={(!current || !next || !again) && "Fill in all three fields."}
        >
          Change password
        </Button>
      </div>
    </form>
  );
}
