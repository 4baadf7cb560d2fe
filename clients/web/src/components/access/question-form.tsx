import { type ReactNode, useId, useState } from "react";
import { usePermissionRegistry } from "~/lib/permission-registry";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";
import { PLAIN } from "./question-fields";

/** One line: which permission, on what. What is asked is told trimmed, and names a permission. */
export function QuestionForm({
  reason,
  why,
  onAsk,
}: {
  /** Why nobody may ask. */
  reason?: string | undefined;
  /** Beside the control, where nobody may. */
  why?: ReactNode;
  onAsk: (question: { permission: string; object: string }) => void;
}) {
  const [permission, setPermission] = useState("");
  const [object, setObject] = useState("");
  const known = usePermissionRegistry() ?? [];
  const list = useId();
  const question = { permission: permission.trim(), object: object.trim() };
  return (
    <form
      className="grid items-end gap-3 md:grid-cols-[minmax(0,2fr)_minmax(0,2fr)_auto]"
      onSubmit={(event) => {
        event.preventDefault();
        if (question.permission && !reason) onAsk(question);
      }}
    >
      <Field label="Permission">
        {(control) => (
          <>
            <Input
              {...control}
              {...PLAIN}
              list={list}
              placeholder="business_unit:requests:create"
              value={permission}
              onChange={(event) => setPermission(event.target.value)}
            />
            <datalist id={list}>
              {known.map(({ permission: slug, displayName }) => (
                <option key={slug} value={slug}>
                  {displayName}
                </option>
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label="On (empty: the organization)">
        {(control) => (
          <Input
            {...control}
            {...PLAIN}
            placeholder="businessUnits/eng/deployments/shop"
            value={object}
            onChange={(event) => setObject(event.target.value)}
          />
        )}
      </Field>
      <span className="flex gap-1">
        <Button type="submit" reason={reason ?? (!question.permission && "Name a permission.")}>
          Explain
        </Button>
        {why}
      </span>
    </form>
  );
}
