import { EmptyState } from "~/components/empty-state";
import { Section } from "~/components/page";
import { PrincipalChip } from "~/components/principal-chip";
import { ResourceName } from "~/components/resource-name";
import type { RoleUse, RoleUses as Uses } from "~/gen/flagstone/v1/role_service_pb";
import { count } from "~/lib/format";
import { idOf, routeOf } from "~/lib/names";
import { scopeWords } from "~/lib/permission-words";

/** What kind of use a name is. */
function kindOf(name: string): string {
  if (name.includes("/members/")) return "Member";
  if (name.startsWith("invitations/")) return "Invitation";
  if (name.startsWith("approvalPolicies/")) return "Approval policy";
  return "Role binding";
}

/** Who and what a role is used by: while there is any, it cannot be deleted. */
export function RoleUses({ uses }: { uses: Uses | undefined }) {
  if (!uses) return null;
  const { roleBindings, members, invitations, approvalPolicies, first } = uses;
  const counts = [
    roleBindings > 0 && count(roleBindings, "role binding"),
    members > 0 && count(members, "member"),
    invitations > 0 && count(invitations, "pending invitation"),
    approvalPolicies > 0 && count(approvalPolicies, "approval policy", "approval policies"),
  ].filter(Boolean);
  return (
    <Section title="Uses">
      {counts.length === 0 ? (
        <EmptyState>Nothing uses this role.</EmptyState>
      ) : (
        <>
          <p className="text-muted">Used by {counts.join(", ")}.</p>
          <ul aria-label="Uses" className="border-line border-t">
            {first.map((use) => (
              <Use key={use.name + use.subject} use={use} />
            ))}
          </ul>
          {first.length < roleBindings + members + invitations + approvalPolicies && (
            <p className="text-muted text-sm">These are the first {first.length}.</p>
          )}
        </>
      )}
    </Section>
  );
}

function Use({ use: { name, subject, scope } }: { use: RoleUse }) {
  const kind = kindOf(name);
  return (
    <li className="flex min-h-9 flex-wrap items-center gap-x-4 gap-y-1 border-line border-b py-1">
      <span className="w-32 text-muted">{kind}</span>
      <span className="min-w-0 flex-1">
        {!subject ? <code>{idOf(name)}</code> : routeOf(subject) ? <ResourceName name={subject} /> : who(subject)}
      </span>
      <span className="text-muted">{kind !== "Approval policy" && scopeWords(scope)}</span>
    </li>
  );
}

/** A program, or the address of an invitation. */
function who(subject: string) {
  return subject.includes("@") ? <span className="break-all">{subject}</span> : <PrincipalChip name={subject} />;
}
