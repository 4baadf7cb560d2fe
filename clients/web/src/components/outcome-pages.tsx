import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { buttonClass } from "~/ui/button";
import { EmptyState } from "./empty-state";
import { ErrorNotice } from "./error-notice";
import { Page, Skeleton } from "./page";

/** A page that failed while it was drawn, or whose code could not be loaded. */
export function ErrorPage({ error, reset }: ErrorComponentProps) {
  // A new release has other file names: a page that is not loaded yet is only found after a reload.
  const isStale = /dynamically imported module|module script/i.test(error instanceof Error ? error.message : "");
  return (
    <Page title={isStale ? "There is a newer version" : "This page failed"}>
      <ErrorNotice
        error={error}
        title={isStale ? "Flagstone was updated since this page was opened" : undefined}
        onRetry={isStale ? () => window.location.reload() : reset}
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
