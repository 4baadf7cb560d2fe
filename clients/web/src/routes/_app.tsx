import { createFileRoute, Outlet, retainSearchParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { useSession } from "~/api/use-session";
import { PendingPage } from "~/components/outcome-pages";
import { LoginAgain } from "~/components/session/login-again";
import { SessionUnknown } from "~/components/session/session-unknown";
import { Shell } from "~/components/shell/shell";

type AppSearch = {
  /** The business unit whose objects the lists show; `-` for all. */
  unit?: string;
};

export const Route = createFileRoute("/_app")({
  validateSearch: (search): AppSearch => (typeof search.unit === "string" ? { unit: search.unit } : {}),
  search: { middlewares: [retainSearchParams<AppSearch>(["unit"])] },
  component: App,
});

/** Everything that needs somebody logged in. */
function App() {
  const { status, passwordChangeRequired } = useSession();
  const navigate = Route.useNavigate();
  const leaves = status === "anonymous" || passwordChangeRequired;
  useEffect(() => {
    if (!leaves) return;
    const { pathname, search } = window.location;
    void navigate({ to: "/login", search: { to: pathname + search }, replace: true });
  }, [leaves, navigate]);
  if (status === "starting" || leaves) return <PendingPage />;
  if (status === "unknown") {
    return (
      <div className="mx-auto max-w-[720px] p-6">
        <SessionUnknown />
      </div>
    );
  }
  return (
    <Shell>
      <Outlet />
      {status === "expired" && <LoginAgain />}
    </Shell>
  );
}
