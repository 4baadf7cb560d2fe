import { createFileRoute } from "@tanstack/react-router";
import { useEffect } from "react";
import { session } from "~/api/client";
import { useSession } from "~/api/use-session";
import { ErrorNotice } from "~/components/error-notice";
import { ChangePasswordForm } from "~/components/session/change-password-form";
import { PasswordForm } from "~/components/session/password-form";
import { Logo } from "~/components/shell/logo";
import { ownAddress } from "~/lib/own-address";

export const Route = createFileRoute("/login")({
  validateSearch: (search): { to?: string } => (typeof search.to === "string" ? { to: search.to } : {}),
  component: Login,
});

function Login() {
  const { status, passwordChangeRequired } = useSession();
  const { to } = Route.useSearch();
  const isIn = status === "active" && !passwordChangeRequired;
  const navigate = Route.useNavigate();
  useEffect(() => {
    document.title = "Log in · Flagstone";
  }, []);
  useEffect(() => {
    if (isIn) void navigate({ href: ownAddress(to), replace: true });
  }, [isIn, navigate, to]);
  const changes = status === "active" && passwordChangeRequired;
  return (
    <main className="flex min-h-dvh flex-col items-center px-4 pt-[14vh]">
      <div className="flex w-full max-w-80 flex-col gap-6">
        <div className="flex items-center gap-2">
          <Logo />
          <h1 className="font-semibold text-xl">{changes ? "Choose a new password" : "Log in to Flagstone"}</h1>
        </div>
        {changes ? (
          <>
            <p className="text-muted">The password you were given works once. Set your own to go on.</p>
            <ChangePasswordForm onDone={() => session.setPasswordChangeRequired(false)} />
          </>
        ) : status === "unreachable" ? (
          <ErrorNotice
            error={new Error("The server cannot be reached.")}
            title="No connection"
            onRetry={() => void session.start()}
          />
        ) : (
          status !== "starting" && <PasswordForm onDone={() => undefined} />
        )}
      </div>
    </main>
  );
}
