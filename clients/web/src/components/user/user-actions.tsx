// What an administrator can do with an account.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { useNavigate } from "@tanstack/react-router";
import { KeyRound, Pencil, Trash2, UserCheck, UserX } from "lucide-react";
import { useState } from "react";
import { useChecks } from "~/components/access/use-checks";
import { WhyNot } from "~/components/access/why-not";
import { RiskyButton } from "~/components/risky-button";
import { type ResetUserPasswordResponse, type User, UserService } from "~/gen/flagstone/v1/user_service_pb";
import { exactTime } from "~/lib/format";
import { useMe } from "~/lib/me";
import { Button } from "~/ui/button";
import { LinkDialog } from "./create-user";
import { EditUser } from "./edit-user";

const UPDATE = "platform:users:update";
const DELETE = "platform:users:delete";
const ICON = { "aria-hidden": true, className: "size-4" } as const;

export function UserActions({ user }: { user: User }) {
  const { name, username, fullName, active, etag } = user;
  const me = useMe();
  const navigate = useNavigate();
  const [isEditing, setIsEditing] = useState(false);
  const [reset, setReset] = useState<ResetUserPasswordResponse>();
  const checks = useChecks([
    { permission: UPDATE, object: name },
    { permission: DELETE, object: name },
  ]);
  const cannotUpdate = checks.reason(UPDATE, name);
  const cannotDelete = checks.reason(DELETE, name);
  const self = me?.name === name;
  const who = fullName || username;
  return (
    <>
      <Button icon={<Pencil {...ICON} />} reason={cannotUpdate} onClick={() => setIsEditing(true)}>
        Change details
      </Button>
      <RiskyButton
        icon={<KeyRound {...ICON} />}
        reason={cannotUpdate ?? (active ? undefined : "An inactive account gets no new password. Activate it first.")}
        title={`Reset the password of ${who}?`}
        description="Makes a link to hand over, with which a new password is chosen. It works once, for an hour. Until then the old password stays good."
        action="Make reset link"
        busy="Making it"
        method={UserService.method.resetUserPassword}
        call={(ids) => ({ name, ...ids })}
        refreshes={["user"]}
        onDone={setReset}
      >
        Reset password
      </RiskyButton>
      <RiskyButton
        icon={active ? <UserX {...ICON} /> : <UserCheck {...ICON} />}
        reason={cannotUpdate ?? (self ? "You cannot deactivate yourself. Ask another administrator." : undefined)}
        title={active ? `Deactivate ${who}?` : `Activate ${who}?`}
        description={
          active
            ? "Ends every session and stream within seconds and blocks every token. Nothing is lost: it can be activated again."
            : "Lets the person in again, with the roles that are given now."
        }
        action={active ? "Deactivate user" : "Activate user"}
        busy={active ? "Deactivating" : "Activating"}
        method={UserService.method.updateUser}
        call={(ids) => ({ user: { name, etag, active: !active }, updateMask: { paths: ["active"] }, ...ids })}
        refreshes={["user"]}
      >
        {active ? "Deactivate user" : "Activate user"}
      </RiskyButton>
      {cannotUpdate && <WhyNot permission={UPDATE} object={name} action="change this user" />}
      <RiskyButton
        icon={<Trash2 {...ICON} />}
        reason={cannotDelete ?? (self ? "You cannot delete yourself. Ask another administrator." : undefined)}
        title={`Delete ${who}?`}
        description="Sessions and tokens end; roles, memberships, groups and teams are taken away. What the person did keeps the name. There is no way back."
        confirmText={username}
        action="Delete user"
        busy="Deleting"
        method={UserService.method.deleteUser}
        call={(ids) => ({ name, etag, ...ids })}
        refreshes={["user"]}
        onDone={() => void navigate({ to: "/admin/users" })}
      >
        Delete user
      </RiskyButton>
      {cannotDelete && <WhyNot permission={DELETE} object={name} action="delete this user" />}
      {isEditing && <EditUser user={user} onClose={() => setIsEditing(false)} />}
      {reset && (
        <LinkDialog
          title="The link is made"
          label="link"
          link={reset.link}
          note={`Hand it to ${who}. It is shown this once and works once${
            reset.expireTime ? `, until ${exactTime(timestampMs(reset.expireTime))}` : ""
          }. Whoever has it can choose the password.`}
          done="I have copied the link"
          onDone={() => setReset(undefined)}
        />
      )}
    </>
  );
}
