// Trust rules of a CI account as a form holds them.

import type { CiTrustRule } from "~/gen/flagstone/v1/service_account_service_pb";

/** A condition as it is typed; `id` tells it from its neighbours while they move. */
export interface ConditionDraft {
  id: string;
  claim: string;
  value: string;
}

export interface RuleDraft {
  id: string;
  issuer: string;
  conditions: ConditionDraft[];
}

/** The server takes no more of each. */
export const MAX_RULES = 20;
export const MAX_CONDITIONS = 20;

/** The claims that say whose project it is: one of them has to be in every rule. */
export const PROJECT_CLAIMS = ["sub", "repository", "repository_id", "project_path", "project_id"] as const;

export function newCondition(claim = "", value = ""): ConditionDraft {
  return { id: crypto.randomUUID(), claim, value };
}

/** What the providers that many use call themselves, and by which claim a rule begins. */
export const ISSUERS = [
  { label: "GitHub Actions", issuer: "https://token.actions.githubusercontent.com", claim: "repository" },
  { label: "GitLab", issuer: "https://gitlab.com", claim: "project_path" },
  { label: "Another provider", issuer: "", claim: "sub" },
] as const;

export function newRule(issuer: string, claim: string): RuleDraft {
  return { id: crypto.randomUUID(), issuer, conditions: [newCondition(claim)] };
}

export function draftsOf(rules: readonly CiTrustRule[]): RuleDraft[] {
  return rules.map(({ issuer, conditions }) => ({
    id: crypto.randomUUID(),
    issuer,
    conditions: conditions.map(({ claim, value }) => newCondition(claim, value)),
  }));
}

/** As they are sent, in their order: by it the server says which of them is wrong. */
export function rulesOf(
  drafts: readonly RuleDraft[],
): { issuer: string; conditions: { claim: string; value: string }[] }[] {
  return drafts.map(({ issuer, conditions }) => ({
    issuer: issuer.trim(),
    conditions: conditions.map(({ claim, value }) => ({ claim: claim.trim(), value: value.trim() })),
  }));
}

/** What a rule trusts, in a sentence. */
export function ruleWords({ issuer, conditions }: Pick<CiTrustRule, "issuer" | "conditions">): string {
  const words = conditions.map(({ claim, value }) =>
    value.endsWith("*") ? `\`${claim}\` begins with \`${value.slice(0, -1)}\`` : `\`${claim}\` is \`${value}\``,
  );
  return `Tokens of ${issuer} in which ${words.join(" and ")}.`;
}
