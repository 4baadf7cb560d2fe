import { session } from "~/api/client";
import { useSession } from "~/api/use-session";
import { ErrorNotice } from "~/components/error-notice";

/** Why nobody can say whether somebody is logged in. Where the server asks to wait, the wait is counted down, and its end
 * tries again by itself. */
export function SessionUnknown() {
  return <ErrorNotice error={useSession().failure} onRetry={() => void session.start()} />;
}
