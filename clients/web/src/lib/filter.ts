// Filters of lists, in the server's language (AIP-160).

/** A text as a literal of a filter. */
export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Joins conditions; what is absent is left out. */
export function allOf(...conditions: (string | false | undefined)[]): string {
  return conditions.filter(Boolean).join(" AND ");
}

/** One of several values of a field; nothing where there are none. */
export function oneOf(field: string, values: readonly string[]): string | undefined {
  if (values.length === 0) return undefined;
  return `(${values.map((value) => `${field} = ${value}`).join(" OR ")})`;
}
