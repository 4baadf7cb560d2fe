// Roles that were given: to somebody, of one role, or in one place.

import { useInfiniteQuery } from "@connectrpc/connect-query";
import { Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { useChecks } from "~/components/access/use-checks";
import { EmptyState } from "~/components/empty-state";
import type { Column } from "~/components/list/data-table";
import { PagedTable } from "~/components/list/paged-table";
import { Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { RiskyButton } from "~/components/risky-button";
import { type RoleBinding, RoleBindingEffect, RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { allOf, quoted } from "~/lib/filter";
import { paged, useListed } from "~/lib/listed";
import { idOf, routeOf, unitOf } from "~/lib/names";
import { scopeWords } from "~/lib/permission-words";
import { Button } from "~/ui/button";
import { Tooltip } from "~/ui/tooltip";
import { CreateBinding } from "./create-binding";

const CREATE = "platform:role_bindings:create";
const DELETE = "platform:role_bindings:delete";
/** Gives and takes roles of groups of a unit. */
const OF_UNIT = "business_unit:groups:update";

export interface BindingListProps {
  title?: string;
  /** Only those of this user, group or service account. */
  subject?: string;
  /** Only those of this role. */
  role?: string;
  /** Only those that hold in this business unit: `businessUnits/{bu}`. */
  unit?: string;
  /** What it means that there is none. */
  empty: string;
}

export function BindingList({ title = "Role bindings", subject, role, unit, empty }: BindingListProps) {
  const [isGiving, setIsGiving] = useState(false);
  const ownUnit = unit ?? (subject && unitOf(subject) ? `businessUnits/${unitOf(subject)}` : "");
  const checks = useChecks([
    { permission: CREATE, object: "" },
    ...(ownUnit ? [{ permission: OF_UNIT, object: ownUnit }] : []),
  ]);
  const method = RoleService.method.listRoleBindings;
  const input = {
    parent: unit ?? "businessUnits/-",
    filter: allOf(subject && `subject = ${quoted(subject)}`, role && `role = ${quoted(role)}`),
    pageSize: 50,
    pageToken: "",
  };
  const list = useListed(method, input, useInfiniteQuery(method, input, paged), (page) => page.roleBindings);
  const columns = useMemo(() => {
    const hidden = new Set([subject ? "subject" : "", role ? "role" : "", unit ? "where" : ""]);
    return COLUMNS.filter(({ id }) => !hidden.has(id));
  }, [subject, role, unit]);
  const reason = ownUnit && checks.may(OF_UNIT, ownUnit) ? undefined : checks.reason(CREATE, "");
  return (
    <Section
      title={title}
      actions={
        <Button
          size="sm"
          icon={<Plus aria-hidden className="size-4" />}
          reason={reason}
          onClick={() => setIsGiving(true)}
        >
          Give role
        </Button>
      }
    >
      <PagedTable
        label={title}
        noun="role bindings"
        list={list}
        columns={columns}
        compact={compact}
        rowKey={({ name }) => name}
        empty={<EmptyState>{empty}</EmptyState>}
      />
      {isGiving && <CreateBinding subject={subject} role={role} scope={unit} onClose={() => setIsGiving(false)} />}
    </Section>
  );
}

const scopeOf = (name: string) => (unitOf(name) ? `businessUnits/${unitOf(name)}` : "");

function Effect({ effect }: { effect: RoleBindingEffect }) {
  return effect === RoleBindingEffect.DENY ? (
    <span className="rounded-sm bg-failed-soft px-1.5 text-failed text-sm">Deny</span>
  ) : (
    <span className="rounded-sm bg-succeeded-soft px-1.5 text-sm text-succeeded">Allow</span>
  );
}

function Subject({ binding: { subject, subjectDisplayName } }: { binding: RoleBinding }) {
  return routeOf(subject) ? (
    <ResourceName name={subject}>
      <span dir="auto">{subjectDisplayName || idOf(subject)}</span>
    </ResourceName>
  ) : (
    <PrincipalChip name={subject} />
  );
}

function Role({ binding: { role, roleDisplayName } }: { binding: RoleBinding }) {
  return (
    <ResourceName name={role}>
      <span dir="auto">{roleDisplayName || idOf(role)}</span>
    </ResourceName>
  );
}

function Condition({ condition }: { condition: string }) {
  if (!condition) return <span className="text-muted">None</span>;
  return (
    <Tooltip text={<code className="break-all">{condition}</code>}>
      {/* Focusable, so that the keyboard can read all of it. */}
      <button type="button" className="max-w-full truncate font-mono text-sm">
        {condition}
      </button>
    </Tooltip>
  );
}

function End({ time }: { time: RoleBinding["expireTime"] }) {
  return time ? <RelativeTime time={time} /> : <span className="text-muted">Never</span>;
}

/** Takes a role away again. */
function Remove({ binding }: { binding: RoleBinding }) {
  const { name, subject, subjectDisplayName, roleDisplayName, effect } = binding;
  const scope = scopeOf(name);
  const isOfGroup = scope !== "" && subject.startsWith(`${scope}/groups/`);
  const checks = useChecks([
    { permission: DELETE, object: "" },
    ...(isOfGroup ? [{ permission: OF_UNIT, object: scope }] : []),
  ]);
  const reason = isOfGroup && checks.may(OF_UNIT, scope) ? undefined : checks.reason(DELETE, "");
  const who = subjectDisplayName || idOf(subject);
  return (
    <RiskyButton
      size="sm"
      label={`Remove ${roleDisplayName} of ${who}`}
      reason={reason}
      title={`Remove ${roleDisplayName} from ${who}?`}
      description={
        effect === RoleBindingEffect.DENY
          ? `What it denies in ${scopeWords(scope)} is allowed again where something else gives it.`
          : `Holds for every call from then on in ${scopeWords(scope)}. What other bindings give stays.`
      }
      action="Remove role binding"
      busy="Removing it"
      method={RoleService.method.deleteRoleBinding}
      call={(ids) => ({ name, ...ids })}
      refreshes={["role_binding"]}
    >
      Remove
    </RiskyButton>
  );
}

const COLUMNS: readonly Column<RoleBinding>[] = [
  { id: "subject", header: "Who", cell: (binding) => <Subject binding={binding} /> },
  { id: "role", header: "Role", cell: (binding) => <Role binding={binding} /> },
  { id: "where", header: "Where", width: "20%", cell: ({ name }) => scopeWords(scopeOf(name)) },
  { id: "effect", header: "Effect", width: "80px", cell: ({ effect }) => <Effect effect={effect} /> },
  {
    id: "condition",
    header: "Condition",
    width: "22%",
    from: "lg",
    cell: ({ condition }) => <Condition condition={condition} />,
  },
  { id: "end", header: "Ends", width: "112px", from: "md", cell: ({ expireTime }) => <End time={expireTime} /> },
  { id: "do", header: "Actions", width: "96px", align: "end", cell: (binding) => <Remove binding={binding} /> },
];

const compact = (binding: RoleBinding) => ({
  first: (
    <>
      <span>
        <Role binding={binding} /> <span className="text-muted">·</span> <Subject binding={binding} />
      </span>
      <Remove binding={binding} />
    </>
  ),
  second: (
    <>
      <Effect effect={binding.effect} />
      <span className="truncate">{scopeWords(scopeOf(binding.name))}</span>
      {binding.condition && <span>under a condition</span>}
      {binding.expireTime && <RelativeTime time={binding.expireTime} />}
    </>
  ),
});
