import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { isMissingCode } from "~/lib/missing-code";
import { buttonClass } from "~/ui/button";
import { EmptyState } from "./empty-state";
import { ErrorNotice } from "./error-notice";
import { Page, Skeleton } from "./page";

/** A page that failed while it was drawn, or whose code could not be loaded. */
export function ErrorPage({ error, reset }: ErrorComponentProps) {
  if (isMissingCode(error)) return <MissingCodePage />;
  return (
    <Page title="This page failed">
      <ErrorNotice error={error} onRetry={reset} />
    </Page>
  );
}

/** The code of a page is not there: the network is cut, or a new release gave its file another name. */
function MissingCodePage() {
  const [isReachable, setIsReachable] = useState<boolean>();
  const look = useCallback(async () => {
    const answer = await fetch("/healthz", { cache: "no-store" }).catch(() => undefined);
    setIsReachable(answer?.ok ?? false);
    return answer?.ok;
  }, []);
  useEffect(() => void look(), [look]);
  // Reloading without a server would leave nothing but the browser's own error.
  const retry = async () => {
    if (await look()) window.location.reload();
  };
  if (isReachable === undefined) return <PendingPage />;
  return (
    <Page title={isReachable ? "There is a newer version" : "No connection"}>
      <ErrorNotice
        error={
          new Error(isReachable ? "Flagstone was updated since this page was opened." : "The server cannot be reached.")
        }
        title="The page could not be loaded"
        onRetry={() => void retry()}
      />
    </Page>
  );
}

/** An address that no page has. */
export function NotFoundPage() {
  return (
    <Page title="There is no such page">
      <EmptyState
        action={
          <Link to="/" className={buttonClass("primary")}>
            Go home
          </Link>
        }
      >
        Nothing is at this address. The link may be of another version, or mistyped.
      </EmptyState>
    </Page>
  );
}

export function PendingPage() {
  return (
    <div className="mx-auto w-full max-w-[1440px] px-6 py-6">
      <Skeleton />
    </div>
  );
}
