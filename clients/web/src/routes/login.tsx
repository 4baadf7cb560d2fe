import { useQuery } from "@connectrpc/connect-query";
import { createFileRoute } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { anonymousTransport, session } from "~/api/client";
import { useSession } from "~/api/use-session";
import { Notice } from "~/components/notice";
import { Skeleton } from "~/components/page";
import { ChangePasswordForm } from "~/components/session/change-password-form";
import { EntryPage } from "~/components/session/entry-page";
import { PasswordForm } from "~/components/session/password-form";
import { SessionUnknown } from "~/components/session/session-unknown";
import { SsoButtons } from "~/components/session/sso-buttons";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { ownAddress } from "~/lib/own-address";
import { failureWords, takeWay } from "~/lib/sso";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";

type LoginSearch = {
  /** The page that one wanted. */
  to?: string;
  /** Why a login through a provider failed. */
  error?: string;
  /** The organization whose providers are offered; the default one where left out. */
  organization?: string;
};

export const Route = createFileRoute("/login")({
  validateSearch: ({ to, error, organization }): LoginSearch => ({
    ...(typeof to === "string" && { to }),
    ...(typeof error === "string" && { error }),
    ...(typeof organization === "string" && organization && { organization }),
  }),
  component: Login,
});

function Login() {
  const { status, passwordChangeRequired } = useSession();
  const { to } = Route.useSearch();
  const isIn = status === "active" && !passwordChangeRequired;
  const navigate = Route.useNavigate();
  useEffect(() => {
    if (isIn) void navigate({ href: ownAddress(to), replace: true });
  }, [isIn, navigate, to]);
  if (status === "active" && passwordChangeRequired) {
    return (
      <EntryPage title="Choose a new password" lead="The password you were given works once. Set your own to go on.">
        <ChangePasswordForm onDone={() => session.setPasswordChangeRequired(false)} />
      </EntryPage>
    );
  }
  return (
    <EntryPage title="Log in to Flagstone">
      {status === "unknown" ? <SessionUnknown /> : status !== "starting" && <Methods />}
    </EntryPage>
  );
}

/** The ways in: through a provider, and by password. */
function Methods() {
  const { to, error, organization = "" } = Route.useSearch();
  const navigate = Route.useNavigate();
  useEffect(() => {
    // Back from a provider, the address says only what went wrong.
    if (error === undefined) return;
    const way = takeWay();
    if (way.to ?? way.organization) void navigate({ search: { ...way, error }, replace: true });
  }, [error, navigate]);
  const methods = useQuery(
    AuthService.method.listAuthMethods,
    { organization },
    { transport: anonymousTransport, staleTime: 60_000 },
  );
  const failure = error === undefined ? undefined : failureWords(error);
  const providers = methods.data?.ssoMethods ?? [];
  // Where the answer is missing, the password can still be tried.
  const hasPassword = methods.data?.password ?? true;
  return (
    <>
      {failure && (
        <Notice kind="failure" title={failure.title}>
          {failure.text}
        </Notice>
      )}
      {methods.isPending ? (
        <Skeleton lines={3} />
      ) : (
        <>
          {providers.length > 0 && (
            <SsoButtons methods={providers} organization={organization} returnPath={ownAddress(to)} />
          )}
          {providers.length > 0 && hasPassword && <Or />}
          {hasPassword && <PasswordForm organization={organization} onDone={() => undefined} />}
        </>
      )}
      <Organization key={organization} organization={organization} />
    </>
  );
}

function Or() {
  return (
    <div className="flex items-center gap-3 text-muted text-sm">
      <span aria-hidden className="h-px flex-1 bg-line" />
      or with a password
      <span aria-hidden className="h-px flex-1 bg-line" />
    </div>
  );
}

/** Which organization one logs in to: each has its own providers. */
function Organization({ organization }: { organization: string }) {
  const [isOpen, setIsOpen] = useState(false);
  const [value, setValue] = useState(organization);
  const navigate = Route.useNavigate();
  if (!isOpen) {
    return (
      <div className="flex flex-wrap items-center gap-x-2 text-muted">
        {organization && (
          <span className="min-w-0" dir="auto">
            Organization <strong className="font-semibold text-ink">{organization}</strong>
          </span>
        )}
        <Button size="sm" variant="ghost" onClick={() => setIsOpen(true)}>
          {organization ? "Choose another" : "Choose an organization"}
        </Button>
      </div>
    );
  }
  const choose = (event: React.FormEvent) => {
    event.preventDefault();
    setIsOpen(false);
    void navigate({
      search: ({ to }) => ({ ...(to && { to }), ...(value.trim() && { organization: value.trim() }) }),
      replace: true,
    });
  };
  return (
    <form onSubmit={choose} className="flex flex-col gap-2">
      <Field label="Organization" help="The id of your organization, for instance acme. Empty for the default one.">
        {(control) => (
          <div className="flex gap-2">
            <Input
              {...control}
              // The person has just asked for this field.
              autoFocus
              autoCapitalize="none"
              spellCheck={false}
              maxLength={63}
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
            <Button type="submit">Show its logins</Button>
          </div>
        )}
      </Field>
    </form>
  );
}
