import type { ReactNode } from "react";
import { Button } from "~/ui/button";

/** What is missing, who can give it, and why it was refused. `scope` is a business unit, or anything else for the whole
 * organization. */
export function Denied({ permission, scope, why }: { permission: string; scope: string; why: ReactNode }) {
  const unit = scope.startsWith("businessUnits/") ? scope.slice("businessUnits/".length) : "";
  const ask = `Please grant me ${permission}${unit ? ` in business unit ${unit}` : ""} on ${window.location.href}`;
  return (
    <div className="flex flex-col gap-2">
      {permission && (
        <p>
          Needs <code className="break-all">{permission}</code>{" "}
          {unit ? <>in business unit {unit}</> : "in the organization"}.{" "}
          {unit ? "The owner of the business unit or a platform administrator" : "A platform administrator"} can grant
          it.
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        {permission && (
          <Button size="sm" onClick={() => void navigator.clipboard.writeText(ask)}>
            Copy a message that asks for it
          </Button>
        )}
        {why}
      </div>
    </div>
  );
}
