// What every field of a form made from a schema needs.

import type { JsonValue } from "@bufbuild/protobuf";
import { createContext, useContext } from "react";
import type { FieldProblem } from "~/api/errors";
import { type Path, pathText, type Schema } from "~/lib/schema";

export interface FormContextValue {
  root: Schema;
  idPrefix: string;
  /** Sets the value at a path; `undefined` takes it out. */
  change: (path: Path, value: JsonValue | undefined) => void;
  /** Says that what stands in a field is no value, or with `undefined` that it is one again. */
  reportUnread: (path: Path, message: string | undefined) => void;
}

export const FormContext = createContext<FormContextValue | undefined>(undefined);

export function useForm(): FormContextValue {
  const context = useContext(FormContext);
  if (!context) throw new Error("Fields of a schema stand in a SchemaForm.");
  return context;
}

/** The id of the control of a path. Ids are lists of words to `aria-describedby`: without spaces. */
export function controlId(idPrefix: string, path: Path | string): string {
  return `${idPrefix}-${typeof path === "string" ? path : pathText(path)}`.replaceAll(/\s/g, "_");
}

/** The messages about exactly this path. */
export function messagesAt(problems: readonly FieldProblem[], path: Path): string[] {
  const text = pathText(path);
  return problems.filter(({ field }) => field === text).map(({ message }) => message);
}

/** The problems of a path and of what lies below it. */
export function problemsWithin(problems: readonly FieldProblem[], path: Path): FieldProblem[] {
  const text = pathText(path);
  return problems.filter(({ field }) => field === text || field.startsWith(`${text}.`) || field.startsWith(`${text}[`));
}

/** Puts the keyboard where a person goes on: the first control of an element. */
export function focusWithin(id: string): void {
  // The element may only now come into being.
  requestAnimationFrame(() => {
    const element = document.getElementById(id);
    const control = element?.matches("input, select, textarea, button")
      ? element
      : element?.querySelector<HTMLElement>("input, select, textarea, button");
    control?.focus();
  });
}
