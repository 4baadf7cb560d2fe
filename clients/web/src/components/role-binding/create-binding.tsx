import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useState } from "react";
import { ScopeField } from "~/components/business-unit/scope-field";
import { MutationDialog } from "~/components/mutation-dialog";
import { RoleField } from "~/components/role/role-field";
import { type Person, PersonField } from "~/components/user/person-field";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { RoleBindingEffect, RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { ServiceAccountService } from "~/gen/flagstone/v1/service_account_service_pb";
import { idOf, unitOf } from "~/lib/names";
import { scopeWords } from "~/lib/permission-words";
import { rolesFor, useAssignableRoles, useRoles } from "~/lib/roles";
import { Field, Input, Select, TextArea } from "~/ui/field";

export interface CreateBindingProps {
  /** Who gets it, where that is fixed. */
  subject?: string | undefined;
  /** What is given, where that is fixed: `roles/{role}`. */
  role?: string | undefined;
  /** Where, where that is fixed: empty for the organization. */
  scope?: string | undefined;
  onClose: () => void;
}

type Kind = "user" | "group" | "serviceAccount";

/** Gives a role, or takes away what it holds: to whom, where, under which condition, until when. */
export function CreateBinding({ subject, role: fixedRole, scope: fixedScope, onClose }: CreateBindingProps) {
  // A group of a unit has roles in its unit only.
  const unit = subject && unitOf(subject);
  const [scope, setScope] = useState(fixedScope ?? (unit ? `businessUnits/${unit}` : ""));
  const [role, setRole] = useState(fixedRole ?? "");
  const [kind, setKind] = useState<Kind>("user");
  const [person, setPerson] = useState<Person>();
  const [other, setOther] = useState("");
  const [effect, setEffect] = useState(RoleBindingEffect.ALLOW);
  const [condition, setCondition] = useState("");
  const [end, setEnd] = useState("");
  const isOpen = fixedRole === undefined;
  // Whoever manages a unit gives roles there without being allowed to list those of the organization.
  const all = useRoles(isOpen && scope === "");
  const assignable = useAssignableRoles(isOpen ? scope : "");
  const who = subject ?? (kind === "user" ? (person?.name ?? "") : other);
  const at = end ? Date.parse(end) : Number.NaN;
  return (
    <MutationDialog
      title={titleOf(subject, fixedRole, fixedScope)}
      description="Holds for every call from then on. You can give only what you hold yourself there."
      action="Give role"
      busy="Giving it"
      failure="The role was not given"
      method={RoleService.method.createRoleBinding}
      call={(ids) => ({
        parent: scope,
        roleBinding: {
          role,
          subject: who,
          effect,
          condition: condition.trim(),
          ...(Number.isFinite(at) && { expireTime: timestampFromMs(at) }),
        },
        ...ids,
      })}
      reason={!role ? "Choose a role." : !who && "Choose who gets it."}
      refreshes={["role_binding"]}
      onDone={onClose}
      onClose={onClose}
    >
      {(errorsOf) => (
        <>
          {subject === undefined && (
            <>
              <Field label="To">
                {(control) => (
                  <Select
                    {...control}
                    value={kind}
                    onChange={(event) => {
                      setKind(event.target.value as Kind);
                      setOther("");
                    }}
                  >
                    <option value="user">A person</option>
                    <option value="group">A group</option>
                    <option value="serviceAccount">A service account</option>
                  </Select>
                )}
              </Field>
              {kind === "user" ? (
                <PersonField label="Person" required value={person} onChange={setPerson} errors={errorsOf("subject")} />
              ) : (
                <SubjectField
                  kind={kind}
                  scope={scope}
                  value={other}
                  onChange={setOther}
                  errors={errorsOf("subject")}
                />
              )}
            </>
          )}
          {fixedScope === undefined && !unit && (
            <ScopeField value={scope} onChange={setScope} errors={errorsOf("parent")} />
          )}
          {isOpen && (
            <RoleField
              roles={scope ? assignable.roles : rolesFor(all, "")}
              value={role}
              onChange={setRole}
              errors={errorsOf("role")}
            />
          )}
          <Field label="Effect" errors={errorsOf("effect")}>
            {(control) => (
              <Select {...control} value={effect} onChange={(event) => setEffect(Number(event.target.value))}>
                <option value={RoleBindingEffect.ALLOW}>Allow: gives the permissions of the role</option>
                <option value={RoleBindingEffect.DENY}>Deny: takes them away, whatever else gives them</option>
              </Select>
            )}
          </Field>
          <Field
            label="Condition"
            help={
              <>
                A CEL expression over <code>principal</code>, <code>object</code>, <code>time</code> and{" "}
                <code>network</code>; empty for none.
              </>
            }
            errors={errorsOf("condition")}
          >
            {(control) => (
              <TextArea
                {...control}
                className="min-h-14 font-mono text-sm"
                maxLength={1000}
                spellCheck={false}
                autoCapitalize="none"
                value={condition}
                onChange={(event) => setCondition(event.target.value)}
              />
            )}
          </Field>
          <Field label="Ends" help="In your time zone; empty for never." errors={errorsOf("expire_time")}>
            {(control) => (
              <Input
                {...control}
                type="datetime-local"
                className="max-w-60"
                value={end}
                onChange={(event) => setEnd(event.target.value)}
              />
            )}
          </Field>
        </>
      )}
    </MutationDialog>
  );
}

/** Says everything that no field asks for. */
function titleOf(subject: string | undefined, role: string | undefined, scope: string | undefined): string {
  const where = scope === undefined ? "" : ` in ${scopeWords(scope)}`;
  const what = role ? `the role ${idOf(role)}` : "a role";
  return subject ? `Give ${idOf(subject)} ${what}${role ? where : ""}` : `Give ${what}`;
}

interface SubjectFieldProps {
  kind: "group" | "serviceAccount";
  /** Where the role is given: groups of other units are not offered. */
  scope: string;
  value: string;
  onChange: (subject: string) => void;
  errors: readonly string[];
}

function SubjectField({ kind, scope, value, onChange, errors }: SubjectFieldProps) {
  const isGroup = kind === "group";
  const groups = useQuery(
    GroupService.method.listGroups,
    isGroup ? { parent: "businessUnits/-", pageSize: 200 } : skipToken,
  );
  const accounts = useQuery(
    ServiceAccountService.method.listServiceAccounts,
    isGroup ? skipToken : { pageSize: 200, filter: "active = true" },
  );
  const options = isGroup
    ? (groups.data?.groups ?? [])
        .filter(({ name }) => !unitOf(name) || name.startsWith(`${scope}/`))
        .map(({ name, displayName }) => ({
          name,
          label: unitOf(name) ? `${displayName} (${unitOf(name)})` : displayName,
        }))
    : (accounts.data?.serviceAccounts ?? []).map(({ name }) => ({ name, label: idOf(name) }));
  const query = isGroup ? groups : accounts;
  const words = isGroup ? "Group" : "Service account";
  return (
    <Field
      label={words}
      required
      help={query.error ? "They could not be read." : query.data && options.length === 0 ? "There is none." : undefined}
      errors={errors}
    >
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">Choose a {words.toLowerCase()}</option>
          {options.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
