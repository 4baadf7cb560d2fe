import { createClient } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { transport } from "~/api/client";
import { problemOf } from "~/api/errors";
import { useSession } from "~/api/use-session";
import { ErrorNotice } from "~/components/error-notice";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { useMe } from "~/lib/me";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";
import { NewPasswordField } from "./new-password-field";

const client = createClient(AuthService, transport);

/** Sets a new password; other sessions of the person end. */
export function ChangePasswordForm({ onDone }: { onDone: (revokedSessions: number) => void }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const me = useMe();
  // Not to be read before a first password is changed; then the server tells what is missing.
  const { passwordChangeRequired } = useSession();
  const settings = useQuery(
    OrganizationService.method.getOrganizationSettings,
    {},
    { enabled: !passwordChangeRequired, staleTime: 60_000 },
  );
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
      <NewPasswordField
        value={next}
        onChange={setNext}
        errors={errorsOf("new_password")}
        person={me}
        classes={settings.data?.passwordCharacterClasses}
      />
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
