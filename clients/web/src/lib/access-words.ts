// An explanation of access in words, and the message with which one asks for what is missing.

import {
  AccessEffect,
  type AccessQuestion,
  AccessReason,
  type AccessStep,
  type BindingExplanation,
} from "~/gen/flagstone/v1/access_service_pb";
import { idOf, unitOf } from "./names";
import { scopeWords } from "./permission-words";

/** The objects of a kind, where a question names a collection. */
const COLLECTIONS: Record<string, string> = {
  requests: "requests",
  deployments: "deployments",
  environments: "environments",
  groups: "groups",
};

/** What a question is about: an object, a collection, a business unit or the organization. */
export function objectWords(object: string): string {
  if (!object) return "the organization";
  const parts = object.split("/");
  if (parts.length === 2 && parts[0] === "businessUnits") return scopeWords(object);
  const last = parts.at(-1) ?? "";
  if (parts.length % 2 === 1) {
    const collection = Object.hasOwn(COLLECTIONS, last) ? COLLECTIONS[last] : last;
    return parts.length === 1 ? `${collection}` : `${collection} of ${scopeWords(`businessUnits/${unitOf(object)}`)}`;
  }
  return object;
}

const REASONS: Partial<Record<AccessReason, string>> = {
  [AccessReason.PRINCIPAL_INACTIVE]: "Not active",
  [AccessReason.TOKEN_SCOPE]: "Outside the token",
  [AccessReason.DENY_BINDING]: "Taken away",
  [AccessReason.NO_GRANT]: "Not granted",
  [AccessReason.OBJECT_NOT_FOUND]: "Not found",
};

/** The verdict in one or two words. */
export function verdictWord(allowed: boolean, reason: AccessReason): string {
  return allowed ? "Allowed" : (REASONS[reason] ?? "Denied");
}

/** Where a binding comes from: "as developer in business unit eng, through group platform". */
export function bindingWords({ role, scope, effect, through }: BindingExplanation): string {
  const verb = effect === AccessEffect.DENY ? "Takes away what" : "Gives what";
  const what = role ? `${verb} ${idOf(role)} holds` : "Held by every active user";
  return [what, role || scope ? `in ${scopeWords(scope)}` : "", throughWords(through)].filter(Boolean).join(", ");
}

/** Through what a binding reaches somebody; empty where it is bound to the person directly. */
export function throughWords(through: string): string {
  if (through.includes("groups/")) return `through group ${idOf(through)}`;
  if (through.startsWith("businessUnits/")) return `as a member of ${scopeWords(through)}`;
  return "";
}

/** A message that asks for what is missing, for those who may give it. */
export function askFor(
  { principal, permission, object }: AccessQuestion,
  steps: readonly AccessStep[],
  page: string,
): string {
  const who = principal ? idOf(principal) : "I";
  const lines = [`${who} would like to have ${permission} on ${objectWords(object)}.`];
  if (steps.length > 0)
    lines.push("", "The smallest change that gives it:", ...steps.map(({ message }) => `- ${message}`));
  lines.push("", `Needed on ${page}`);
  return lines.join("\n");
}
