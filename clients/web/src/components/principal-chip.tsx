import { Bot, Cog, ShieldCheck, UserRound } from "lucide-react";
import { idOf } from "~/lib/names";

const ICONS = { users: UserRound, roles: ShieldCheck, runners: Cog, system: Cog, other: Bot } as const;

/** Who: a person, a role, a runner, or the platform itself, by resource name. */
export function PrincipalChip({ name }: { name: string }) {
  if (!name) return <span className="text-muted">Nobody</span>;
  const kind = name.split("/")[0] ?? "";
  const Icon = ICONS[kind as keyof typeof ICONS] ?? ICONS.other;
  return (
    <span className="inline-flex max-w-full items-center gap-1 align-bottom" title={name}>
      <Icon aria-hidden className="size-3.5 shrink-0 text-muted" />
      <span className="truncate">{name === "system" ? "Flagstone" : idOf(name)}</span>
    </span>
  );
}
