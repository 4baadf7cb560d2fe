// Questions to the server whether the caller may do something, in as few calls as possible.

/** May the caller do this to that? */
export interface Check {
  permission: string;
  object: string;
}

/** The answer to a question, as the server gives it. */
export interface Answer extends Check {
  allowed: boolean;
  message: string;
  remedy: string;
}

/** More are refused in one call. */
const MAX = 200;

export function keyOf({ permission, object }: Check): string {
  return `${permission} ${object}`;
}

/** Each question once, in one order whoever asks, in calls of as many as the server takes. */
export function batches(checks: readonly Check[]): Check[][] {
  const unique = new Map(
    checks.map(({ permission, object }) => [keyOf({ permission, object }), { permission, object }]),
  );
  const sorted = [...unique.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, check]) => check);
  const found: Check[][] = [];
  for (let start = 0; start < sorted.length; start += MAX) found.push(sorted.slice(start, start + MAX));
  return found;
}

/** The answers, by question. */
export function answersOf(verdicts: readonly Answer[]): Record<string, Answer> {
  return Object.fromEntries(verdicts.map((verdict) => [keyOf(verdict), verdict]));
}
