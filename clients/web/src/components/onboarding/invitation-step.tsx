import { create } from "@bufbuild/protobuf";
import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { problemOf } from "~/api/errors";
import { queryClient } from "~/api/queries";
import { useChecks } from "~/components/access/use-checks";
import { ErrorNotice } from "~/components/error-notice";
import { SecretOnce } from "~/components/secret-once";
import { InvitationSchema, InvitationService } from "~/gen/flagstone/v1/invitation_service_pb";
import { RoleScope, RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { useUnits } from "~/lib/unit";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Field, Input, Select } from "~/ui/field";

const INVITE = "platform:invitations:manage";

interface Made {
  name: string;
  email: string;
  link: string;
}

/** Invites people: each gets a link, to hand over from here. */
export function InvitationStep() {
  const units = useUnits();
  const roles = useQuery(RoleService.method.listRoleTemplates, {}, { staleTime: 60_000 });
  const [email, setEmail] = useState("");
  const [unit, setUnit] = useState("");
  const [role, setRole] = useState("");
  const [made, setMade] = useState<readonly Made[]>([]);
  const invitation = { email: email.trim(), role, businessUnit: unit };
  const { id, renew } = useRequestId(invitation);
  const reason = useChecks([{ permission: INVITE, object: "" }]).reason(INVITE, "");
  // What belongs to the whole organization cannot be given in one unit.
  const offered = (roles.data?.roleTemplates ?? []).filter(
    ({ scope }) => scope === RoleScope.BUSINESS_UNIT || (scope === RoleScope.PLATFORM && unit === ""),
  );
  const invite = useMutation(InvitationService.method.createInvitation, {
    // The link is in this view and nowhere else.
    gcTime: 0,
    onSuccess: ({ invitation: created, link }) => {
      renew();
      setEmail("");
      if (created) setMade((before) => [{ name: created.name, email: created.email, link }, ...before]);
      void queryClient.invalidateQueries();
    },
  });
  const fields = invite.error ? problemOf(invite.error).fields : [];
  const errorsOf = (field: string) => fields.filter((one) => one.field.endsWith(field)).map(({ message }) => message);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (invite.isPending || !invitation.email || !role || reason) return;
    invite.mutate({ invitation: create(InvitationSchema, invitation), requestId: id });
  };
  return (
    <div className="flex flex-col gap-4">
      {made.map(({ name, email: to, link }) => (
        <section key={name} aria-label={`Invitation of ${to}`} className="flex flex-col gap-1">
          <h3 className="break-all font-semibold">{to}</h3>
          <SecretOnce
            label="link"
            value={link}
            note="It is shown this once. Whoever has it can join in this person’s place."
          />
        </section>
      ))}
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        {invite.error != null && (
          <ErrorNotice error={invite.error} title="Nobody was invited" fieldsElsewhere={fields.length > 0} />
        )}
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
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Where" errors={errorsOf("business_unit")}>
            {(control) => (
              <Select
                {...control}
                value={unit}
                onChange={(event) => {
                  setUnit(event.target.value);
                  setRole("");
                }}
              >
                <option value="">In the whole organization</option>
                {(units.data?.businessUnits ?? []).map(({ name, displayName, code }) => (
                  <option key={name} value={name}>
                    {displayName || code}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field
            label="Role"
            required
            help={offered.find((one) => one.role === role)?.description}
            errors={errorsOf("role")}
          >
            {(control) => (
              <Select {...control} value={role} onChange={(event) => setRole(event.target.value)}>
                <option value="">Choose a role</option>
                {offered.map(({ role: name, displayName }) => (
                  <option key={name} value={name}>
                    {displayName}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        <div>
          <Button
            type="submit"
            variant="primary"
            busy={invite.isPending && "Inviting"}
            reason={reason ?? ((!invitation.email || !role) && "Fill in an address and a role.")}
          >
            Make invitation
          </Button>
        </div>
      </form>
    </div>
  );
}
