import { Link } from "@tanstack/react-router";
import { ErrorReason, problemOf } from "~/api/errors";
import { ErrorNotice } from "~/components/error-notice";
import { ResourceName } from "~/components/resource-name";
import { idOf } from "~/lib/names";

/** Why the server did not take a request, with the way to what is in its way. */
export function Refusal({ error, title }: { error: unknown; title: string }) {
  const { reason, metadata } = problemOf(error);
  const { code, name } = metadata;
  return (
    <div className="flex flex-col gap-2">
      <ErrorNotice error={error} title={title} fieldsElsewhere />
      {reason === ErrorReason.OPERATION_IN_PROGRESS && code && (
        <p>
          The request in the way is{" "}
          <Link to="/requests/$code" params={{ code }} className="font-medium text-accent-strong hover:underline">
            {code}
          </Link>
          .
        </p>
      )}
      {reason === ErrorReason.ALREADY_EXISTS && name && (
        <p>
          There is <ResourceName name={name}>{idOf(name)}</ResourceName> already. Choose another deployment id, or
          change that deployment.
        </p>
      )}
    </div>
  );
}
