import { Bot, Cog, KeyRound, ShieldCheck, UserRound, UsersRound } from "lucide-react";
import { idOf } from "~/lib/names";

const ICONS = {
  users: UserRound,
  roles: ShieldCheck,
  groups: UsersRound,
  teams: UsersRound,
  apiTokens: KeyRound,
  serviceAccounts: Bot,
  runners: Cog,
  system: Cog,
  other: Bot,
} as const;

/** Who: a person, a program, a group, a role, a runner, or the platform itself, by resource name. */
export function PrincipalChip({ name }: { name: string }) {
  if (!name) return <span className="text-muted">Nobody</span>;
  // `businessUnits/eng/groups/oncall` is a group.
  const parts = name.split("/");
  const kind = parts.at(-2) ?? parts[0] ?? "";
  const Icon = (Object.hasOwn(ICONS, kind) && ICONS[kind as keyof typeof ICONS]) || ICONS.other;
  return (
    <span className="inline-flex max-w-full items-center gap-1 align-bottom" title={name}>
      <Icon aria-hidden className="size-3.5 shrink-0 text-muted" />
      <span className="truncate">{name === "system" ? "Flagstone" : idOf(name)}</span>
    </span>
  );
}
