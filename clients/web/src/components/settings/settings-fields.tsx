// The fields of each tab of the settings.

import { useState } from "react";
import { tierWord } from "~/components/tier-badge";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { MIN_CHARACTERS } from "~/lib/password";
import { useUnits } from "~/lib/unit";
import { Checkbox, Field, Input, Select } from "~/ui/field";
import type { SettingsFieldsProps } from "./settings-form";

const TIERS = [Tier.DEVELOPMENT, Tier.STAGING, Tier.PRODUCTION] as const;

/** Defaults for business units, environments and approvals. */
export function OrganizationFields({ settings, onChange, errorsOf, disabled }: SettingsFieldsProps) {
  const units = useUnits().data?.businessUnits ?? [];
  const { defaultRegion, defaultBusinessUnit, selfServiceEnvironments, allowSelfApprovalTiers } = settings;
  // A unit that is not among those read here is still what is set.
  const isListed = units.some(({ name }) => name === defaultBusinessUnit);
  return (
    <>
      <Field
        label="Default region"
        help="That the environments of new business units get; empty for the runner’s own."
        errors={errorsOf("default_region")}
      >
        {(control) => (
          <Input
            {...control}
            className="max-w-80 font-mono text-sm"
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
            maxLength={64}
            placeholder="eu-central-1"
            disabled={disabled}
            value={defaultRegion}
            onChange={(event) => onChange({ defaultRegion: event.target.value })}
          />
        )}
      </Field>
      <Field
        label="Business unit of people who are new"
        help="Whoever first signs in through an SSO provider becomes a developer in it. Without one, an administrator makes them members."
        errors={errorsOf("default_business_unit")}
      >
        {(control) => (
          <Select
            {...control}
            className="max-w-80"
            disabled={disabled}
            value={defaultBusinessUnit}
            onChange={(event) => onChange({ defaultBusinessUnit: event.target.value })}
          >
            <option value="">None</option>
            {defaultBusinessUnit !== "" && !isListed && (
              <option value={defaultBusinessUnit}>{defaultBusinessUnit}</option>
            )}
            {units.map(({ name, displayName, code }) => (
              <option key={name} value={name}>
                {displayName || code}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 font-medium">Environments</legend>
        <Checkbox
          label="Developers and senior engineers provision environments by themselves"
          disabled={disabled}
          checked={selfServiceEnvironments}
          onChange={(event) => onChange({ selfServiceEnvironments: event.target.checked })}
        />
        <Errors messages={errorsOf("self_service_environments")} />
      </fieldset>
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 font-medium">Decisions on one’s own requests</legend>
        <p className="text-muted text-sm">
          In these tiers people may decide on what they asked for themselves, where the approval policy allows it too.
          Holds for approvals that are opened from then on.
        </p>
        {TIERS.map((tier) => (
          <Checkbox
            key={tier}
            label={tierWord(tier)}
            disabled={disabled}
            checked={allowSelfApprovalTiers.includes(tier)}
            onChange={(event) =>
              onChange({
                allowSelfApprovalTiers: event.target.checked
                  ? [...allowSelfApprovalTiers, tier]
                  : allowSelfApprovalTiers.filter((one) => one !== tier),
              })
            }
          />
        ))}
        <Errors messages={errorsOf("allow_self_approval_tiers")} />
      </fieldset>
    </>
  );
}

/** What passwords must be. */
export function SignInFields({ settings, onChange, errorsOf, disabled }: SettingsFieldsProps) {
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 font-medium">New passwords</legend>
      <p className="text-muted text-sm">
        Every new password has at least {MIN_CHARACTERS} characters and is hard to guess. Classes of characters add
        little to that: switch them on where a rule of yours asks for them. Passwords that people have already stay as
        they are.
      </p>
      <Checkbox
        label="Need an upper-case and a lower-case letter, a digit and a special character"
        disabled={disabled}
        checked={settings.passwordCharacterClasses}
        onChange={(event) => onChange({ passwordCharacterClasses: event.target.checked })}
      />
      <Errors messages={errorsOf("password_character_classes")} />
    </fieldset>
  );
}

/** The shortest that audit events are kept where they are not kept for ever. */
const MIN_DAYS = 30;
const YEAR = 365;

/** Days as they are typed; what is no number is one that the server refuses: 0 would mean for ever. */
function daysOf(text: string): number {
  const days = Math.trunc(Number(text));
  return text.trim() && Number.isFinite(days) && days !== 0 ? Math.min(days, 1_000_000) : -1;
}

/** How long the audit is kept. */
export function RetentionFields({ settings, onChange, errorsOf, disabled }: SettingsFieldsProps) {
  const days = settings.auditRetentionDays;
  const isForEver = days === 0;
  const [typed, setTyped] = useState("");
  const shown = daysOf(typed) === days ? typed : `${days}`;
  return (
    <>
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-1 font-medium">Audit events</legend>
        <label className="flex items-center gap-2">
          <input
            type="radio"
            name="retention"
            className="size-4 accent-(--color-accent)"
            disabled={disabled}
            checked={isForEver}
            onChange={() => onChange({ auditRetentionDays: 0 })}
          />
          Kept for ever
        </label>
        <label className="flex items-center gap-2">
          <input
            type="radio"
            name="retention"
            className="size-4 accent-(--color-accent)"
            disabled={disabled}
            checked={!isForEver}
            onChange={() => onChange({ auditRetentionDays: YEAR })}
          />
          Purged after some time
        </label>
      </fieldset>
      {!isForEver && (
        <Field
          label="Days"
          help={`${MIN_DAYS} to 3,650. What is older is purged and cannot be brought back; its leaf hashes are kept, so that the rest can still be verified.`}
          errors={errorsOf("audit_retention_days")}
        >
          {(control) => (
            <Input
              {...control}
              type="number"
              inputMode="numeric"
              className="max-w-40"
              disabled={disabled}
              value={shown}
              onChange={(event) => {
                setTyped(event.target.value);
                onChange({ auditRetentionDays: daysOf(event.target.value) });
              }}
            />
          )}
        </Field>
      )}
      {isForEver && <Errors messages={errorsOf("audit_retention_days")} />}
    </>
  );
}

function Errors({ messages }: { messages: readonly string[] }) {
  return messages.map((message) => (
    <p key={message} className="text-failed text-sm">
      {message}
    </p>
  ));
}
