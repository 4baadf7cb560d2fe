import { lazy, Suspense } from "react";
import type { Effects } from "~/gen/flagstone/v1/effects_pb";
import { Skeleton } from "./page";

// What shows values, and checks schemas for that, comes when somebody looks.
const EffectsPreview = lazy(() => import("./effects-preview").then((module) => ({ default: module.EffectsPreview })));

/** What the dry run of a form found, within the form. */
export function EffectsFound({ effects }: { effects: Effects }) {
  return (
    <div role="status" className="rounded-md bg-surface px-3 py-2">
      <Suspense fallback={<Skeleton lines={3} />}>
        <EffectsPreview effects={effects} />
      </Suspense>
    </div>
  );
}
