import { Link } from "@tanstack/react-router";
import { Notice } from "~/components/notice";
import { buttonClass } from "~/ui/button";

/** A link that does not work, or not any more. The server does not tell which: the page says all that it can be. */
export function DeadLink({ title, children }: { title: string; children: string }) {
  return (
    <>
      <Notice kind="failure" title={title}>
        {children}
      </Notice>
      <div>
        <Link to="/login" className={buttonClass()}>
          Go to the login
        </Link>
      </div>
    </>
  );
}
