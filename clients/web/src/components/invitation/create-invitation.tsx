import { useState } from "react";
import { ScopeField } from "~/components/business-unit/scope-field";
import { MutationDialog } from "~/components/mutation-dialog";
import { RoleField } from "~/components/role/role-field";
import { LinkDialog } from "~/components/user/create-user";
import { InvitationService } from "~/gen/flagstone/v1/invitation_service_pb";
import { rolesFor, useAssignableRoles, useRoles } from "~/lib/roles";
import { Field, Input } from "~/ui/field";

export interface CreateInvitationProps {
  /** `businessUnits/{bu}` where only this unit can be invited to. */
  unit?: string;
  onClose: () => void;
}

/** Asks somebody in who has no account: with an address, one role, and a link to hand over. */
export function CreateInvitation({ unit, onClose }: CreateInvitationProps) {
  const [email, setEmail] = useState("");
  const [scope, setScope] = useState(unit ?? "");
  const [role, setRole] = useState("");
  const [link, setLink] = useState("");
  const all = useRoles(scope === "");
  const assignable = useAssignableRoles(scope);
  if (link) {
    return (
      <LinkDialog
        title="The invitation is made"
        label="link"
        link={link}
        note={`Hand it to ${email.trim()}. It is shown this once and works once, for 7 days. Whoever has it can join in this person’s place.`}
        done="I have copied the link"
        onDone={onClose}
      />
    );
  }
  return (
    <MutationDialog
      title="Invite somebody"
      description="For people without an account. Nothing is mailed: you get a link to hand over."
      action="Make invitation"
      busy="Making it"
      failure="Nobody was invited"
      method={InvitationService.method.createInvitation}
      call={(ids) => ({ invitation: { email: email.trim(), role, businessUnit: scope }, ...ids })}
      reason={(!email.trim() || !role) && "Fill in an address and a role."}
      refreshes={["invitation"]}
      onDone={(answer) => setLink(answer.link)}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          <Field label="E-mail address" required errors={errorsOf("email")}>
            {(control) => (
              <Input
                {...control}
                type="email"
                autoComplete="off"
                maxLength={320}
                value={email}
                onChange={(event) => setEmail(event.target.value)}
              />
            )}
          </Field>
          {unit === undefined && (
            <ScopeField
              value={scope}
              errors={errorsOf("business_unit")}
              onChange={(next) => {
                setScope(next);
                setRole("");
              }}
            />
          )}
          <RoleField
            roles={scope ? assignable.roles : rolesFor(all, "")}
            value={role}
            onChange={setRole}
            errors={errorsOf("role")}
          />
        </>
      )}
    </MutationDialog>
  );
}
