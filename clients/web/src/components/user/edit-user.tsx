import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { type User, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { DetailsFields, trimmed } from "./details-fields";

/** Changes name and address of somebody's account. */
export function EditUser({ user: { name, etag, email, fullName }, onClose }: { user: User; onClose: () => void }) {
  const [details, setDetails] = useState({ email, fullName });
  const content = trimmed(details);
  const paths = [content.email !== email && "email", content.fullName !== fullName && "full_name"].filter(
    (path) => path !== false,
  );
  return (
    <MutationDialog
      title="Change details"
      description="With another address one could come in as this person: that takes every permission the person holds."
      action="Save details"
      busy="Saving"
      failure="The details were not changed"
      method={UserService.method.updateUser}
      call={(ids) => ({ user: { name, etag, ...content }, updateMask: { paths }, ...ids })}
      reason={
        paths.length === 0
          ? "Nothing was changed."
          : (!content.email || !content.fullName) && "Fill in a name and an address."
      }
      refreshes={["user"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => <DetailsFields details={details} onChange={setDetails} errorsOf={errorsOf} />}
    </MutationDialog>
  );
}
