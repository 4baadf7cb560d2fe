// Makes a role, or changes one: what it is called, where it is given, what narrows it, what it holds.

import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useMemo, useState } from "react";
import { refreshObjects } from "~/api/queries";
import { PermissionPicker } from "~/components/access/permission-picker";
import { EffectsFound } from "~/components/effects-found";
import { ErrorNotice } from "~/components/error-notice";
import { Section, Skeleton } from "~/components/page";
import { AccessService } from "~/gen/flagstone/v1/access_service_pb";
import { type Role, RoleRestriction, RoleScope, RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { fieldErrors } from "~/lib/field-errors";
import { usePermissionRegistry } from "~/lib/permission-registry";
import { idFor, roleScopeWord } from "~/lib/roles";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Field, Input, Select, TextArea } from "~/ui/field";

export interface RoleEditorProps {
  /** The role that is changed; a new one is made where left out. */
  role?: Role | undefined;
  /** The role that a new one begins as. */
  from?: Role | undefined;
  /** Gets the role's name. */
  onDone: (name: string) => void;
  onCancel: () => void;
}

/** What the caller can put into a role: what they hold in the whole organization. `undefined` until it is known. */
function useGivable(): ReadonlySet<string> | undefined {
  const { data } = useQuery(AccessService.method.getMyPermissions, {}, { staleTime: 60_000 });
  return useMemo(
    () =>
      data &&
      new Set(data.scopes.find(({ scope }) => scope === "")?.permissions.map(({ permission }) => permission) ?? []),
    [data],
  );
}

export function RoleEditor({ role, from, onDone, onCancel }: RoleEditorProps) {
  const start = role ?? from;
  const [displayName, setDisplayName] = useState(role?.displayName ?? (from ? `${from.displayName} (copy)` : ""));
  const [typedId, setTypedId] = useState<string>();
  const [description, setDescription] = useState(start?.description ?? "");
  const [scope, setScope] = useState(
    start?.scope === RoleScope.PLATFORM ? RoleScope.PLATFORM : RoleScope.BUSINESS_UNIT,
  );
  const [restriction, setRestriction] = useState(start?.restriction || RoleRestriction.NONE);
  const [chosen, setChosen] = useState(new Set(start?.permissions ?? []));
  const [looked, setLooked] = useState("");
  const registry = usePermissionRegistry();
  const givable = useGivable();

  const isOfUnit = scope === RoleScope.BUSINESS_UNIT;
  const offered = registry?.filter(({ permission }) => !isOfUnit || permission.startsWith("business_unit:"));
  // What the scope does not take is left out; it is there again when the scope is chosen back.
  const permissions = [...chosen].filter((one) => !isOfUnit || one.startsWith("business_unit:")).sort();
  const roleId = (typedId ?? idFor(displayName)).trim();
  const content = {
    displayName: displayName.trim(),
    description: description.trim(),
    scope,
    restriction,
    permissions,
  };
  const { id, renew } = useRequestId([role?.etag, roleId, content]);
  const onSuccess = ({ name }: Role) => {
    renew();
    refreshObjects(["role"]);
    onDone(name);
  };
  const making = useMutation(RoleService.method.createRole, { onSuccess });
  const changing = useMutation(RoleService.method.updateRole, { onSuccess });
  const makeDry = useMutation(RoleService.method.createRole);
  const changeDry = useMutation(RoleService.method.updateRole);
  const send = (isDry: boolean) => {
    const ids = { requestId: isDry ? crypto.randomUUID() : id, validateOnly: isDry };
    if (role) {
      const paths = ["display_name", "description", "permissions", "restriction"];
      const call = { role: { name: role.name, etag: role.etag, ...content }, updateMask: { paths }, ...ids };
      (isDry ? changeDry : changing).mutate(call);
    } else {
      (isDry ? makeDry : making).mutate({ roleId, role: content, ...ids });
    }
  };
  const mutation = role ? changing : making;
  const dryRun = role ? changeDry : makeDry;
  const isBusy = mutation.isPending || dryRun.isPending;
  const reason = !content.displayName
    ? "Give it a name."
    : !role && !roleId
      ? "Give it an id."
      : permissions.length === 0 && "Choose at least one permission.";
  const error = mutation.error ?? (looked === id ? dryRun.error : undefined);
  const errors = fieldErrors(error);
  const effects = looked === id ? dryRun.data?.effects : undefined;
  const errorsOf = {
    displayName: errors.of("display_name"),
    roleId: errors.of("role_id"),
    description: errors.of("description"),
    scope: errors.of("scope"),
    restriction: errors.of("restriction"),
    permissions: errors.of("permissions"),
  };
  return (
    <form
      noValidate
      className="flex min-w-0 flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason || isBusy) return;
        dryRun.reset();
        send(false);
      }}
    >
      {error != null && (
        <ErrorNotice
          error={error}
          title={role ? "The role was not changed" : "The role was not made"}
          fieldsElsewhere={errors.areShown()}
        />
      )}
      <div className="grid max-w-4xl gap-4 md:grid-cols-2">
        <Field label="Name" required errors={errorsOf.displayName}>
          {(control) => (
            <Input
              {...control}
              dir="auto"
              autoComplete="off"
              maxLength={255}
              value={displayName}
              onChange={(event) => setDisplayName(event.target.value)}
            />
          )}
        </Field>
        {!role && (
          <Field
            label="Id"
            help="Small letters, digits and hyphens, a letter first. It never changes."
            required
            errors={errorsOf.roleId}
          >
            {(control) => (
              <Input
                {...control}
                className="font-mono"
                autoCapitalize="none"
                autoComplete="off"
                spellCheck={false}
                maxLength={63}
                value={roleId}
                onChange={(event) => setTypedId(event.target.value)}
              />
            )}
          </Field>
        )}
        <Field
          label="Given in"
          help={role ? "Never changes." : "A role of a business unit can also be given in the whole organization."}
          errors={errorsOf.scope}
        >
          {(control) =>
            role ? (
              <p {...control} className="flex h-8 items-center">
                {roleScopeWord(role.scope)}
              </p>
            ) : (
              <Select {...control} value={scope} onChange={(event) => setScope(Number(event.target.value))}>
                <option value={RoleScope.BUSINESS_UNIT}>A business unit</option>
                <option value={RoleScope.PLATFORM}>The organization</option>
              </Select>
            )
          }
        </Field>
        <Field label="Restriction" help="What narrows everything it holds." errors={errorsOf.restriction}>
          {(control) => (
            <Select {...control} value={restriction} onChange={(event) => setRestriction(Number(event.target.value))}>
              <option value={RoleRestriction.NONE}>None</option>
              <option value={RoleRestriction.OWN_TEAM}>Only objects of own teams, except for list and read</option>
              <option value={RoleRestriction.OWN}>Only objects that the holder created</option>
            </Select>
          )}
        </Field>
        <div className="md:col-span-2">
          <Field label="What it is for" errors={errorsOf.description}>
            {(control) => (
              <TextArea
                {...control}
                dir="auto"
                className="min-h-14"
                maxLength={500}
                value={description}
                onChange={(event) => setDescription(event.target.value)}
              />
            )}
          </Field>
        </div>
      </div>
      <fieldset className="flex min-w-0 flex-col gap-2">
        <legend className="mb-1 font-semibold text-lg">Permissions</legend>
        {errorsOf.permissions.map((message) => (
          <p key={message} className="text-failed text-sm">
            {message}
          </p>
        ))}
        {offered ? (
          <PermissionPicker
            permissions={offered}
            chosen={new Set(permissions)}
            onChange={setChosen}
            blocked={(permission) =>
              givable && !givable.has(permission)
                ? "You do not hold it in the whole organization: nobody gives what they do not hold."
                : undefined
            }
          />
        ) : (
          <Skeleton lines={8} />
        )}
      </fieldset>
      {effects && (
        <Section title="What it does">
          <EffectsFound effects={effects} />
        </Section>
      )}
      <div className="sticky bottom-14 flex flex-wrap gap-2 border-line border-t bg-canvas py-3 md:bottom-0">
        <Button
          type="submit"
          variant="primary"
          reason={reason}
          busy={mutation.isPending && (role ? "Saving" : "Making it")}
        >
          {role ? "Save role" : "Create role"}
        </Button>
        <Button
          reason={reason}
          busy={dryRun.isPending && "Looking"}
          onClick={() => {
            mutation.reset();
            setLooked(id);
            send(true);
          }}
        >
          Show what it changes
        </Button>
        <Button variant="ghost" onClick={onCancel}>
          Go back
        </Button>
      </div>
    </form>
  );
}
