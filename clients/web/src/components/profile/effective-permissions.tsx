// What one may do, where, by which role, and why (R053).

import { useQuery } from "@connectrpc/connect-query";
import { AskWhy } from "~/components/access/ask-why";
import { PermissionIcon } from "~/components/access/permission-icon";
import { WhyHeld } from "~/components/access/why-not";
import { EmptyState } from "~/components/empty-state";
import { Section } from "~/components/page";
import { QueryView } from "~/components/query-view";
import { RelativeTime } from "~/components/relative-time";
import { TierBadge } from "~/components/tier-badge";
import { AccessService, type HeldPermission, type ScopePermissions } from "~/gen/flagstone/v1/access_service_pb";
import { Tier } from "~/gen/flagstone/v1/environment_service_pb";
import { count } from "~/lib/format";
import { idOf } from "~/lib/names";
import { byCategory, matchesText, plainName, scopeWords } from "~/lib/permission-words";
import { Input, Select } from "~/ui/field";

export interface EffectivePermissionsProps {
  text: string;
  /** The scope that is shown: empty for the organization; `undefined` for all of them. */
  scope: string | undefined;
  onChange: (change: { text?: string; scope?: string | undefined }) => void;
}

export function EffectivePermissions({ text, scope: chosen, onChange }: EffectivePermissionsProps) {
  const query = useQuery(AccessService.method.getMyPermissions, {});
  return (
    <QueryView query={query} title="Your permissions could not be read">
      {({ scopes }) => {
        const found = scopes
          .filter(({ scope }) => chosen === undefined || scope === chosen)
          .map((one) => ({ ...one, permissions: one.permissions.filter((held) => matchesText(held, text.trim())) }))
          .filter(({ permissions }) => permissions.length > 0);
        return (
          <div className="flex flex-col gap-6">
            <div className="flex flex-wrap items-center gap-2">
              <Input
                type="search"
                aria-label="Search permissions"
                placeholder="Search permissions"
                className="max-w-80"
                value={text}
                onChange={(event) => onChange({ text: event.target.value })}
              />
              <Select
                aria-label="Where"
                className="max-w-64"
                value={chosen ?? "*"}
                onChange={(event) => onChange({ scope: event.target.value === "*" ? undefined : event.target.value })}
              >
                <option value="*">Everywhere</option>
                {scopes.map(({ scope }) => (
                  <option key={scope} value={scope}>
                    {scope ? `In ${scopeWords(scope)}` : "In the whole organization"}
                  </option>
                ))}
              </Select>
            </div>
            {found.length === 0 && (
              <EmptyState>{text.trim() ? "No permission of yours matches." : "You hold no permission."}</EmptyState>
            )}
            {found.map((one) => (
              <Scope key={one.scope} scope={one} />
            ))}
            <Section title="Something that is not here">
              <AskWhy />
            </Section>
          </div>
        );
      }}
    </QueryView>
  );
}

function Scope({ scope: { scope, permissions } }: { scope: Pick<ScopePermissions, "scope" | "permissions"> }) {
  const title = scope ? `In ${scopeWords(scope)}` : "In the whole organization";
  return (
    <section aria-label={title} className="flex flex-col gap-3">
      <h2 className="font-semibold text-lg">
        {title} <span className="font-normal text-muted text-sm">{count(permissions.length, "permission")}</span>
      </h2>
      {byCategory(permissions).map(({ category, icon, permissions: held }) => (
        <section key={category} aria-label={`${category}, ${title.toLowerCase()}`}>
          <h3 className="flex items-center gap-2 border-line border-b pb-1 font-semibold">
            <PermissionIcon icon={icon} />
            {category}
          </h3>
          <ul>
            {held.map((one) => (
              <Held key={one.permission} held={one} scope={scope} />
            ))}
          </ul>
        </section>
      ))}
    </section>
  );
}

function Held({ held, scope }: { held: HeldPermission; scope: string }) {
  const { permission, displayName, description, roles, tier, ownTeamOnly, conditional, expireTime } = held;
  const limits = [ownTeamOnly && "only what is yours or your teams’", conditional && "only under a condition"].filter(
    Boolean,
  );
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] items-start gap-x-4 border-line border-b py-1.5 md:grid-cols-[minmax(0,3fr)_minmax(0,3fr)_minmax(0,1fr)_auto]">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2">
          {plainName(held)}
          {tier !== Tier.UNSPECIFIED && <TierBadge tier={tier} />}
        </p>
        {displayName && <p className="text-muted text-sm">{description}</p>}
        {limits.length > 0 && <p className="text-sm text-waiting">{limits.join(", ")}</p>}
        {expireTime && (
          <p className="text-sm text-waiting">
            until <RelativeTime time={expireTime} />
          </p>
        )}
      </div>
      <code className="col-span-full min-w-0 break-all text-muted md:col-span-1">{permission}</code>
      <span className="col-span-full min-w-0 break-words text-muted md:col-span-1 md:text-right">
        {roles.length > 0 ? roles.map(idOf).join(", ") : "everybody"}
      </span>
      <span className="col-start-2 row-start-1 md:col-start-auto md:row-start-auto">
        <WhyHeld permission={permission} object={scope} />
      </span>
    </li>
  );
}
