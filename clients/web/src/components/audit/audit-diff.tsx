import type { JsonObject } from "@bufbuild/protobuf";
import { ResourceName } from "~/components/resource-name";
import { ValuesDiff } from "~/components/values";
import { ChangeAction, type Effects, type ObjectChange } from "~/gen/flagstone/v1/effects_pb";
import { sentence } from "~/lib/format";
import { jsonOf } from "~/lib/json-diff";
import { Dialog } from "~/ui/dialog";

const VERBS: Partial<Record<ChangeAction, string>> = {
  [ChangeAction.CREATED]: "Created",
  [ChangeAction.UPDATED]: "Changed",
  [ChangeAction.DELETED]: "Deleted",
};

/** What an event changed, before and after, wide enough to read. */
export default function AuditDiff({
  effects,
  action,
  onClose,
}: {
  effects: Effects;
  action: string;
  onClose: () => void;
}) {
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      width="lg"
      title={`Before and after ${action}`}
      description="Every field that the event changed. Secrets are masked: that one was changed is recorded, its value is not."
    >
      <div className="flex flex-col gap-6">
        {effects.changes.map((change) => (
          <section key={change.object} aria-label={change.object} className="flex min-w-0 flex-col gap-1">
            <h3 className="flex min-w-0 flex-wrap items-center gap-x-2 font-semibold">
              {VERBS[change.action] ?? "Touched"}: {sentence(change.objectType).toLowerCase()}{" "}
              <ResourceName name={change.object} />
            </h3>
            <ValuesDiff {...sidesOf(change)} />
          </section>
        ))}
      </div>
    </Dialog>
  );
}

/** The fields of a change as two objects. What is unset on a side is absent there. */
function sidesOf({ fields }: ObjectChange): { before: JsonObject; after: JsonObject } {
  const side = (which: "before" | "after"): JsonObject =>
    Object.fromEntries(
      fields.flatMap((field) => {
        const value = jsonOf(field[which]);
        return value === undefined ? [] : [[field.field, value]];
      }),
    );
  return { before: side("before"), after: side("after") };
}
