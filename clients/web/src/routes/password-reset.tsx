import { Code, createClient } from "@connectrpc/connect";
import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";
import { anonymousTransport, session } from "~/api/client";
import { problemOf } from "~/api/errors";
import { queryClient } from "~/api/queries";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { DeadLink } from "~/components/session/dead-link";
import { EntryPage } from "~/components/session/entry-page";
import { NewPasswordField } from "~/components/session/new-password-field";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { count } from "~/lib/format";
import { useLinkToken } from "~/lib/link-token";
import { useRequestId } from "~/lib/use-request-id";
import { Button, buttonClass } from "~/ui/button";

export const Route = createFileRoute("/password-reset")({ component: PasswordReset });

const client = createClient(AuthService, anonymousTransport);

/** A new password by the link that an administrator handed over (R009). The token of the link is behind `#`. */
function PasswordReset() {
  const token = useLinkToken();
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState<string | false>(false);
  const [error, setError] = useState<unknown>();
  const [ended, setEnded] = useState<number>();
  const navigate = Route.useNavigate();
  const { id } = useRequestId({ token, password });
  const problem = error ? problemOf(error) : undefined;

  const accept = async (event: React.FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy("Setting the password");
    setError(undefined);
    try {
      const { user, revokedSessions } = await client.acceptPasswordReset({ token, password, requestId: id });
      setEnded(revokedSessions);
      if (!user) return;
      setBusy("Logging in");
      queryClient.clear();
      // The link is used up: what fails now is said by the login page, where it can be tried again.
      await session.login(user.email, password, user.organization).then(
        () => navigate({ to: "/", replace: true }),
        () => undefined,
      );
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  if (ended !== undefined && !busy) {
    return (
      <EntryPage title="The password is set">
        <Notice kind="success">Log in with it from now on.{ended > 0 && ` ${count(ended, "session")} ended.`}</Notice>
        <div>
          <Link to="/login" className={buttonClass("primary")}>
            Go to the login
          </Link>
        </div>
      </EntryPage>
    );
  }
  if (token === "" || problem?.code === Code.NotFound) {
    return (
      <EntryPage title="Choose a new password">
        {token === "" ? (
          <DeadLink title="This link is not whole">
            The part behind # is missing. Copy the whole link from the message that you got.
          </DeadLink>
        ) : (
          <DeadLink title="This link does not work">
            It was used, replaced by a newer one, or has expired. Ask an administrator for another one.
          </DeadLink>
        )}
      </EntryPage>
    );
  }
  return (
    <EntryPage title="Choose a new password" lead="All your sessions end when it is set. The link works once.">
      <form onSubmit={(event) => void accept(event)} className="flex flex-col gap-4" noValidate>
        {error !== undefined && <ErrorNotice error={error} title="The password was not set" fieldsElsewhere />}
        <NewPasswordField
          value={password}
          onChange={setPassword}
          errors={(problem?.fields ?? []).filter(({ field }) => field === "password").map(({ message }) => message)}
        />
        <Button type="submit" variant="primary" busy={busy} reason={!password && "Type a password."}>
          Set password
        </Button>
      </form>
    </EntryPage>
  );
}
