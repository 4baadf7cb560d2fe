import { Code, createClient } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { anonymousTransport, session } from "~/api/client";
import { problemOf } from "~/api/errors";
import { queryClient } from "~/api/queries";
import { useSession } from "~/api/use-session";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { Facts, Skeleton } from "~/components/page";
import { RelativeTime } from "~/components/relative-time";
import { DeadLink } from "~/components/session/dead-link";
import { EntryPage } from "~/components/session/entry-page";
import { NewPasswordField } from "~/components/session/new-password-field";
import { SsoButtons } from "~/components/session/sso-buttons";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { InvitationService, type LookupInvitationResponse } from "~/gen/flagstone/v1/invitation_service_pb";
import { useLinkToken } from "~/lib/link-token";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";

export const Route = createFileRoute("/invitations")({ component: Invitation });

const client = createClient(InvitationService, anonymousTransport);

/** What one is invited to, and how to accept it (R037). The token of the link is behind `#`. */
function Invitation() {
  const token = useLinkToken();
  const query = useQuery(
    InvitationService.method.lookupInvitation,
    { token },
    { transport: anonymousTransport, enabled: token !== "", staleTime: Number.POSITIVE_INFINITY },
  );
  if (token === "") {
    return (
      <EntryPage title="Invitation">
        <DeadLink title="This link is not whole">
          The part behind # is missing. Copy the whole link from the message that you got.
        </DeadLink>
      </EntryPage>
    );
  }
  if (query.data) return <Offer token={token} offer={query.data} />;
  const isGone = query.error && problemOf(query.error).code === Code.NotFound;
  return (
    <EntryPage title="Invitation">
      {isGone ? (
        <DeadLink title="This invitation does not work">
          It was used, taken back, or has expired. Ask whoever invited you for another one.
        </DeadLink>
      ) : query.error ? (
        <ErrorNotice
          error={query.error}
          title="The invitation could not be read"
          onRetry={() => void query.refetch()}
        />
      ) : (
        <Skeleton lines={5} />
      )}
    </EntryPage>
  );
}

function Offer({ token, offer }: { token: string; offer: LookupInvitationResponse }) {
  const { organization, organizationDisplayName, email, roleDisplayName, businessUnitDisplayName, expireTime } = offer;
  const { status } = useSession();
  const methods = useQuery(
    AuthService.method.listAuthMethods,
    { organization },
    { transport: anonymousTransport, staleTime: 60_000 },
  );
  const providers = methods.data?.ssoMethods ?? [];
  const hasPassword = methods.data?.password ?? true;
  return (
    <EntryPage title={`Join ${organizationDisplayName || organization}`} lead="You are invited to work in Flagstone.">
      <Facts
        facts={[
          ["Organization", <bdi key="organization">{organizationDisplayName || organization}</bdi>],
          [
            "Role",
            <bdi key="role">
              {roleDisplayName}
              {businessUnitDisplayName ? `, in ${businessUnitDisplayName}` : ", in the whole organization"}
            </bdi>,
          ],
          [
            "For",
            <span key="for" className="break-all">
              {email}
            </span>,
          ],
          ["Works until", <RelativeTime key="until" time={expireTime} />],
        ]}
      />
      {status === "active" && (
        <Notice title="You are logged in already">
          Accepting makes another account, for {email}, and logs you in with that one.
        </Notice>
      )}
      {methods.isPending ? (
        <Skeleton lines={4} />
      ) : (
        <>
          {providers.length > 0 && (
            <SsoButtons methods={providers} organization={organization} returnPath="/" invitationToken={token} />
          )}
          {hasPassword && <AcceptWithPassword token={token} email={email} hasOther={providers.length > 0} />}
        </>
      )}
    </EntryPage>
  );
}

function AcceptWithPassword({ token, email, hasOther }: { token: string; email: string; hasOther: boolean }) {
  const [fullName, setFullName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const navigate = Route.useNavigate();
  const body = { token, email, fullName: fullName.trim(), password };
  const { id } = useRequestId(body);

  const accept = async (event: React.FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      const answer = await client.acceptInvitation({ ...body, requestId: id });
      // Whatever was read as somebody else is not this person's.
      queryClient.clear();
      session.open(answer.tokens);
      void navigate({ to: "/", replace: true });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const problem = error ? problemOf(error) : undefined;
  const errorsOf = (field: string) =>
    (problem?.fields ?? []).filter((one) => one.field === field).map(({ message }) => message);
  return (
    <form onSubmit={(event) => void accept(event)} className="flex flex-col gap-4" noValidate>
      <h2 className="font-semibold text-lg">{hasOther ? "Or choose a password" : "Choose a password"}</h2>
      {error !== undefined && <ErrorNotice error={error} title="You have not joined yet" fieldsElsewhere />}
      {/* Password managers store what is in this field beside the password. */}
      <input
        type="email"
        name="username"
        autoComplete="username"
        value={email}
        readOnly
        tabIndex={-1}
        aria-hidden
        className="sr-only"
      />
      <Field label="Your name" required errors={errorsOf("full_name")}>
        {(control) => (
          <Input
            {...control}
            name="name"
            autoComplete="name"
            dir="auto"
            maxLength={255}
            value={fullName}
            onChange={(event) => setFullName(event.target.value)}
          />
        )}
      </Field>
      <NewPasswordField
        label="Password"
        value={password}
        onChange={setPassword}
        errors={errorsOf("password")}
        person={{ email }}
      />
      <Button
        type="submit"
        variant="primary"
        busy={busy && "Joining"}
        reason={(!fullName.trim() || !password) && "Fill in your name and a password."}
      >
        Join
      </Button>
    </form>
  );
}
