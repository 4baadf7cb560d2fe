import { lazy, Suspense, useState } from "react";
import { Button } from "~/ui/button";
import type { About } from "./why-panel";

// Of use only where something was refused.
const WhyPanel = lazy(() => import("./why-panel"));

/** Opens the explanation of a denial, by its decision id. */
export function WhyDenied({ decision }: { decision: string }) {
  return <Why about={{ decision }} />;
}

/**
 * Opens the explanation why the caller may not do something to an object; beside the control that is disabled. `action`
 * tells apart several on a page: "destroy this deployment".
 */
export function WhyNot({ permission, object, action }: { permission: string; object: string; action?: string }) {
  return <Why about={{ permission, object }} label={action && `Why can’t I ${action}?`} />;
}

/** Opens the explanation why the caller may do something. */
export function WhyHeld({ permission, object }: { permission: string; object: string }) {
  return <Why about={{ permission, object }} label={`Why may I do this: ${permission}`} />;
}

function Why({ about, label = "Why can’t I?" }: { about: About; label?: string | undefined }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="sm" variant="ghost" aria-label={label} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Why?
      </Button>
      {open && (
        <Suspense>
          <WhyPanel about={about} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
