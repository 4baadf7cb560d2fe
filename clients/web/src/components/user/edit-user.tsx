import { useState } from "react";
import { MutationDialog } from "~/components/mutation-dialog";
import { type User, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { Field, Input } from "~/ui/field";

/** Changes name and address of somebody's account. */
export function EditUser({ user: { name, etag, email, fullName }, onClose }: { user: User; onClose: () => void }) {
  const [newEmail, setNewEmail] = useState(email);
  const [newName, setNewName] = useState(fullName);
  const content = { email: newEmail.trim(), fullName: newName.trim() };
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
      {(errorsOf) => (
        <>
          <Field label="Full name" required errors={errorsOf("full_name")}>
            {(control) => (
              <Input
                {...control}
                dir="auto"
                autoComplete="off"
                maxLength={255}
                value={newName}
                onChange={(event) => setNewName(event.target.value)}
              />
            )}
          </Field>
          <Field label="E-mail address" required errors={errorsOf("email")}>
            {(control) => (
              <Input
                {...control}
                type="email"
                autoComplete="off"
                maxLength={320}
                value={newEmail}
                onChange={(event) => setNewEmail(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </MutationDialog>
  );
}
