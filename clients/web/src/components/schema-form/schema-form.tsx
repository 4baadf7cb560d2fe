// A form made from a JSON Schema (R109): every kind of input that a template can ask for, in its author's order.

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { useCallback, useEffect, useMemo, useRef } from "react";
import type { FieldProblem } from "~/api/errors";
import { isObject } from "~/lib/json-diff";
import { type Path, pathText, type Schema, setAt } from "~/lib/schema";
import { FormContext } from "./context";
import { MemberFields } from "./node";

export interface SchemaFormProps {
  schema: Schema;
  value: JsonObject;
  onChange: (value: JsonObject) => void;
  /** What to show beside the fields; paths start below the schema: `lifecycle_rules[0].days`. */
  errors: readonly FieldProblem[];
  /** Begins the ids of the controls: `<idPrefix>-<path>`. */
  idPrefix: string;
  /** The person has left a field. */
  onLeave?: (path: string) => void;
  /** What stands in fields and is no value, such as a half-written JSON: it is not in `value`. */
  onUnread?: (problems: FieldProblem[]) => void;
}

const ROOT: Path = [];

export function SchemaForm({ schema, value, onChange, errors, idPrefix, onLeave, onUnread }: SchemaFormProps) {
  const latest = useRef({ value, onChange, onUnread });
  latest.current.onChange = onChange;
  latest.current.onUnread = onUnread;
  // Only a new value from outside: two changes before the next drawing build on each other.
  useEffect(() => {
    latest.current.value = value;
  }, [value]);

  const change = useCallback((path: Path, next: JsonValue | undefined) => {
    const changed = setAt(latest.current.value, path, next);
    if (!isObject(changed)) return;
    latest.current.value = changed;
    latest.current.onChange(changed);
  }, []);

  const unread = useRef(new Map<string, string>());
  const reportUnread = useCallback((path: Path, message: string | undefined) => {
    const field = pathText(path);
    if (unread.current.get(field) === message) return;
    if (message === undefined) unread.current.delete(field);
    else unread.current.set(field, message);
    latest.current.onUnread?.([...unread.current].map(([field, message]) => ({ field, message })));
  }, []);

  const context = useMemo(
    () => ({ root: schema, idPrefix, change, reportUnread }),
    [schema, idPrefix, change, reportUnread],
  );
  const leave = (event: React.FocusEvent) => {
    const { id } = event.target;
    if (id.startsWith(`${idPrefix}-`)) onLeave?.(id.slice(idPrefix.length + 1));
  };
  return (
    <FormContext value={context}>
      <fieldset aria-label="Inputs" className="flex min-w-0 flex-col gap-4" onBlur={leave}>
        <MemberFields schema={schema} path={ROOT} value={value} problems={errors} />
      </fieldset>
    </FormContext>
  );
}
