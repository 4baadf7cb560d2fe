import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useChecks } from "~/components/access/use-checks";
import { EmptyState } from "~/components/empty-state";
import { QueryView } from "~/components/query-view";
import { TierBadge } from "~/components/tier-badge";
import { EnvironmentService, Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { count } from "~/lib/format";
import { usePermissions } from "~/lib/me";
import { idOf } from "~/lib/names";
import { tierOf } from "~/lib/tier";
import { useUnits } from "~/lib/unit";
import { Field, Select } from "~/ui/field";
import { Words } from "~/ui/words";

const CREATE = "business_unit:requests:create";

/** The business unit that a request is made in: that of its environment. */
export function UnitField({
  value,
  onChange,
  errors,
}: {
  value: string;
  onChange: (unit: string) => void;
  errors: readonly string[];
}) {
  const { missing } = usePermissions();
  const units = useUnits().data?.businessUnits ?? [];
  return (
    <Field id="field-unit" label="Business unit" required errors={errors}>
      {(control) => (
        <Select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          {!units.some(({ name }) => name === value) && <option value={value}>{value ? idOf(value) : "Choose"}</option>}
          {units.map(({ name, code, displayName, active }) => {
            const why = !active ? "inactive" : missing(CREATE, name) && `needs ${CREATE}`;
            return (
              <option key={name} value={name} disabled={Boolean(why)}>
                {displayName || code}
                {why && ` (${why})`}
              </option>
            );
          })}
        </Select>
      )}
    </Field>
  );
}

const TIERS = [Tier.DEVELOPMENT, Tier.STAGING, Tier.PRODUCTION];

function createIn(tier: Tier): string {
  return `business_unit:deployments:create:${tierOf(tier)}`;
}

/** Where it will run. Those that the caller may not use say why. */
export function EnvironmentField({
  unit,
  value,
  onChange,
  errors,
}: {
  unit: string;
  value: string;
  onChange: (environment: string) => void;
  errors: readonly string[];
}) {
  // Of something new there: what a role restricted to one's own allows, too.
  const deployments = `${unit}/deployments`;
  const checks = useChecks(unit ? TIERS.map((tier) => ({ permission: createIn(tier), object: deployments })) : []);
  const query = useQuery(
    EnvironmentService.method.listEnvironments,
    unit ? { parent: unit, pageSize: 200 } : skipToken,
  );
  const described = errors.length > 0 ? "field-environment-errors" : undefined;
  return (
    <fieldset id="field-environment" tabIndex={-1} aria-describedby={described} className="flex min-w-0 flex-col gap-1">
      <legend className="mb-1 font-medium">
        Environment <span className="font-normal text-muted text-sm">required</span>
      </legend>
      {!unit ? (
        <p className="text-muted">Choose a business unit first.</p>
      ) : (
        <QueryView query={query} title="The environments could not be read" lines={3}>
          {({ environments }) =>
            environments.length === 0 ? (
              <EmptyState>
                This business unit has no environment. Its owner or a platform administrator makes one.
              </EmptyState>
            ) : (
              <div className="max-h-72 divide-y divide-line overflow-y-auto rounded-md border border-line-strong">
                {environments.map(({ name, displayName, tier, region }) => {
                  const why = checks.reason(createIn(tier), deployments);
                  return (
                    <label
                      key={name}
                      className="flex min-h-9 flex-wrap items-center gap-x-2 gap-y-0.5 px-3 py-1.5 has-checked:bg-accent-soft"
                    >
                      <input
                        type="radio"
                        name="environment"
                        value={name}
                        checked={value === name}
                        disabled={why !== undefined}
                        aria-invalid={errors.length > 0 || undefined}
                        onChange={() => onChange(name)}
                        className="size-4 shrink-0 accent-(--color-accent)"
                      />
                      <span className={why ? "min-w-0 text-muted" : "min-w-0 font-medium"} dir="auto">
                        {displayName || idOf(name)}
                      </span>
                      {/* An environment is often called like its tier: said once. */}
                      <span aria-hidden={(displayName || idOf(name)).toLowerCase() === tierOf(tier) || undefined}>
                        <TierBadge tier={tier} />
                      </span>
                      {region && <span className="text-muted text-sm">{region}</span>}
                      {why && <span className="w-full pl-6 text-muted text-sm">{why}</span>}
                    </label>
                  );
                })}
              </div>
            )
          }
        </QueryView>
      )}
      {query.data && query.data.nextPageToken !== "" && (
        <p className="text-muted text-sm">Only the first {count(query.data.environments.length, "environment")}.</p>
      )}
      {errors.length > 0 && (
        <ul id="field-environment-errors" className="text-failed text-sm">
          {errors.map((error) => (
            <li key={error}>
              <Words text={error} />
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  );
}
