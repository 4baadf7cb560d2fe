import { ExternalLink } from "lucide-react";
import { useMe } from "~/lib/me";
import { Dialog } from "~/ui/dialog";
import { PasswordForm } from "./password-form";

/** The session ended while a page was open: the page stays as it is, with all that was typed, behind this. */
export function LoginAgain() {
  const me = useMe();
  return (
    <Dialog
      open
      onOpenChange={() => undefined}
      dismissible={false}
      width="sm"
      title="Log in again"
      description="Your session has ended. Nothing on this page is lost: it goes on when you are back."
    >
      <div className="flex flex-col gap-4">
        <PasswordForm fixedIdentifier={me?.username} onDone={() => undefined} />
        {/* A provider would lead away from here: in another tab it does no harm, and this one hears of it. */}
        <a
          href="/login"
          target="_blank"
          rel="noreferrer"
          className="inline-flex items-center gap-1 text-accent-strong text-sm hover:underline"
        >
          Log in through a provider, in another tab
          <ExternalLink aria-hidden className="size-3.5" />
        </a>
        <a href="/login" className="text-accent-strong text-sm hover:underline">
          Leave this page and log in as somebody else
        </a>
      </div>
    </Dialog>
  );
}
