import { lazy, Suspense, useId, useState } from "react";
import { usePermissionRegistry } from "~/lib/permission-registry";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";

const WhyPanel = lazy(() => import("./why-panel"));

/** Asks about any permission and any object, also where no control led to it (R054). */
export function AskWhy() {
  const [permission, setPermission] = useState("");
  const [object, setObject] = useState("");
  const [isAsked, setIsAsked] = useState(false);
  const known = usePermissionRegistry() ?? [];
  const list = useId();
  const ask = { permission: permission.trim(), object: object.trim() };
  return (
    <form
      className="grid items-end gap-3 md:grid-cols-[minmax(0,2fr)_minmax(0,2fr)_auto]"
      onSubmit={(event) => {
        event.preventDefault();
        if (ask.permission) setIsAsked(true);
      }}
    >
      <Field label="Permission">
        {(control) => (
          <>
            <Input
              {...control}
              list={list}
              placeholder="business_unit:requests:create"
              className="font-mono text-sm"
              autoCapitalize="none"
              autoComplete="off"
              spellCheck={false}
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
            placeholder="businessUnits/eng/deployments/shop"
            className="font-mono text-sm"
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
            value={object}
            onChange={(event) => setObject(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" reason={!ask.permission && "Name a permission."}>
        Explain
      </Button>
      {isAsked && (
        <Suspense>
          <WhyPanel about={ask} onClose={() => setIsAsked(false)} />
        </Suspense>
      )}
    </form>
  );
}
