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
        <a href="/login" className="text-accent-strong text-sm hover:underline">
          Leave this page and log in as somebody else
        </a>
      </div>
    </Dialog>
  );
}
