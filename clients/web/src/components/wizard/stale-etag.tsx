import type { JsonObject } from "@bufbuild/protobuf";
import { ValuesDiff } from "~/components/values";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";

/** Somebody, or the person in another tab, changed the object meanwhile: both versions, and a choice. */
export function StaleEtag({
  theirs,
  mine,
  keepMine,
  takeTheirs,
}: {
  theirs: JsonObject;
  mine: JsonObject;
  keepMine: () => void;
  takeTheirs: () => void;
}) {
  return (
    <Dialog
      open
      onOpenChange={() => undefined}
      dismissible={false}
      width="lg"
      title="It was changed meanwhile"
      description="Before is what it is now, after is what you have here. Nothing of yours was saved yet."
      footer={
        <>
          <Button onClick={takeTheirs}>Discard my changes</Button>
          <Button variant="primary" onClick={keepMine}>
            Keep my changes
          </Button>
        </>
      }
    >
      <ValuesDiff before={theirs} after={mine} />
    </Dialog>
  );
}
