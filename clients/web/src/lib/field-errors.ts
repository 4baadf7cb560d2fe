// What the server says of the fields of a form.

import { type Problem, problemOf } from "~/api/errors";

export interface FieldErrors {
  problem: Problem | undefined;
  /** Everything that is wrong with a field, by the last part of its path. */
  of: (field: string) => string[];
  /** True where every violation was asked for: it stands at its field. Ask after the fields. */
  areShown: () => boolean;
}

export function fieldErrors(error: unknown): FieldErrors {
  const problem = error == null ? undefined : problemOf(error);
  const fields = problem?.fields ?? [];
  const asked = new Set<string>();
  return {
    problem,
    of: (field) => {
      const found = fields.filter((one) => one.field === field || one.field.endsWith(`.${field}`));
      for (const one of found) asked.add(one.field);
      return found.map(({ message }) => message);
    },
    areShown: () => fields.length > 0 && fields.every(({ field }) => asked.has(field)),
  };
}
