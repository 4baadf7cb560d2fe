import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { serverNow } from "~/api/clock";
import { problemOf } from "~/api/errors";
import { PermissionPicker } from "~/components/access/permission-picker";
import { ErrorNotice } from "~/components/error-notice";
import { SecretOnce } from "~/components/secret-once";
import { ApiTokenSchema, ApiTokenService } from "~/gen/flagstone/v1/api_token_service_pb";
import { MAX_DAYS, readingOnly } from "~/lib/api-token";
import { count } from "~/lib/format";
import type { PermissionInfo } from "~/lib/permission-words";
import { useMyUnits } from "~/lib/unit";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { Checkbox, Field, Input, Select } from "~/ui/field";
import { refreshTokens } from "./token-list";

const DAY = 86_400_000;
const LIVES = [7, 30, 90, 180, MAX_DAYS];

export interface CreateTokenProps {
  parent: string;
  permissions: readonly PermissionInfo[];
  onClose: () => void;
}

/** Makes a token, and shows its secret this once. */
export function CreateToken({ parent, permissions, onClose }: CreateTokenProps) {
  const [displayName, setDisplayName] = useState("");
  const [days, setDays] = useState(30);
  const [units, setUnits] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState(new Set<string>());
  // The end is counted from the moment of creating; the request id must not change with it.
  const { id, renew } = useRequestId([parent, displayName.trim(), days, [...units].sort(), [...chosen].sort()]);
  const make = useMutation(ApiTokenService.method.createApiToken, {
    // The secret is in this view and nowhere else.
    gcTime: 0,
    onSuccess: () => {
      renew();
      refreshTokens();
    },
  });
  const [end, setEnd] = useState({ id: "", at: 0 });
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (make.isPending || reason) return;
    // A repeat of the same call has the same content, or the server takes it for another one.
    const at = end.id === id ? end.at : serverNow() + days * DAY;
    setEnd({ id, at });
    make.mutate({
      parent,
      apiToken: create(ApiTokenSchema, {
        displayName: displayName.trim(),
        permissions: [...chosen].sort(),
        businessUnits: [...units].sort(),
        expireTime: timestampFromMs(at),
      }),
      requestId: id,
    });
  };
  const fields = make.error ? problemOf(make.error).fields : [];
  const errorsOf = (field: string) => fields.filter((one) => one.field.endsWith(field)).map(({ message }) => message);
  const reason = !displayName.trim() ? "Give it a name." : chosen.size === 0 && "Choose at least one permission.";

  if (make.data) {
    return (
      <Dialog
        open
        // A click beside it must not lose the secret.
        dismissible={false}
        onOpenChange={() => undefined}
        title="The token is made"
        footer={
          <Button variant="primary" onClick={onClose}>
            I have copied the token
          </Button>
        }
      >
        <SecretOnce
          label="API token"
          value={make.data.secret}
          note="It is shown this once and stored nowhere. Send it as authorization: Bearer, followed by the token. Whoever has it can do what it may do."
        />
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      width="lg"
      title="Create an API token"
      description="It acts in the name of its holder, and never does more than the holder may at that moment."
      footer={
        <>
          <Button onClick={onClose}>Go back</Button>
          <Button
            type="submit"
            form="create-token"
            variant="primary"
            busy={make.isPending && "Creating it"}
            reason={reason}
          >
            Create token with {count(chosen.size, "permission")}
          </Button>
        </>
      }
    >
      <form id="create-token" onSubmit={submit} className="flex flex-col gap-4" noValidate>
        {make.error != null && <ErrorNotice error={make.error} title="The token was not made" fieldsElsewhere />}
        <div className="grid gap-4 md:grid-cols-2">
          <Field label="Name" help="What it is for." required errors={errorsOf("display_name")}>
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
          <Field label="Expires" help={`At most ${MAX_DAYS} days ahead.`} errors={errorsOf("expire_time")}>
            {(control) => (
              <Select {...control} value={days} onChange={(event) => setDays(Number(event.target.value))}>
                {LIVES.map((life) => (
                  <option key={life} value={life}>
                    In {count(life, "day")}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        <UnitChoice chosen={units} onChange={setUnits} errors={errorsOf("business_units")} />
        <fieldset className="flex min-w-0 flex-col gap-2">
          <legend className="mb-1 font-medium">What it may do</legend>
          <div className="flex flex-wrap gap-2">
            <Button size="sm" onClick={() => setChosen(new Set(readingOnly(permissions)))}>
              Choose reading only
            </Button>
            <Button size="sm" onClick={() => setChosen(new Set())} reason={chosen.size === 0 && "None is chosen."}>
              Choose nothing
            </Button>
          </div>
          {errorsOf("permissions").map((message) => (
            <p key={message} className="text-failed text-sm">
              {message}
            </p>
          ))}
          <PermissionPicker permissions={permissions} chosen={chosen} onChange={setChosen} />
        </fieldset>
      </form>
    </Dialog>
  );
}

/** For which business units: every one where none is chosen. */
function UnitChoice({
  chosen,
  onChange,
  errors,
}: {
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
  errors: readonly string[];
}) {
  const units = useMyUnits();
  if (units.length === 0) return null;
  const toggle = (name: string) => {
    const next = new Set(chosen);
    if (!next.delete(name)) next.add(name);
    onChange(next);
  };
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 font-medium">Business units</legend>
      <p className="text-muted text-sm">
        {chosen.size === 0 ? "None is chosen: it holds in every one that its holder reaches." : "Only in these."}
      </p>
      <div className="flex max-h-32 flex-wrap gap-x-4 gap-y-1 overflow-auto">
        {units.map(({ name, label }) => (
          <Checkbox key={name} label={label} checked={chosen.has(name)} onChange={() => toggle(name)} />
        ))}
      </div>
      {errors.map((message) => (
        <p key={message} className="text-failed text-sm">
          {message}
        </p>
      ))}
    </fieldset>
  );
}
