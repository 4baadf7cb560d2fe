import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { useMutation } from "@connectrpc/connect-query";
import { type ReactNode, useState } from "react";
import { type ObjectType, refreshObjects } from "~/api/queries";
import { effectsOf } from "~/lib/effects";
import { fieldErrors } from "~/lib/field-errors";
import { useRequestId } from "~/lib/use-request-id";
import { Button } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { EffectsFound } from "./effects-found";
import { ErrorNotice } from "./error-notice";

/** What the dialog fills into every call. */
export interface CallIds {
  requestId: string;
  validateOnly: boolean;
}

export interface MutationDialogProps<I extends DescMessage, O extends DescMessage> {
  title: string;
  description?: ReactNode;
  /** The button's words: a verb with its object. */
  action: string;
  /** What it waits for once pressed. */
  busy: string;
  /** The heading where it is refused: "The group was not made". */
  failure: string;
  method: DescMethodUnary<I, O>;
  /** The call with what the form holds. */
  call: (ids: CallIds) => MessageInitShape<I>;
  /** Why it cannot be sent yet. */
  reason?: string | false | undefined;
  /** What may look different afterwards. */
  refreshes: readonly ObjectType[];
  width?: "sm" | "md" | "lg";
  onDone: (answer: MessageShape<O>) => void;
  onClose: () => void;
  /** The fields, each with what the server says of it. */
  children: (errorsOf: (field: string) => string[]) => ReactNode;
}

/** A form in a dialog: it can show what it would change, and sends it once. */
export function MutationDialog<I extends DescMessage, O extends DescMessage>(props: MutationDialogProps<I, O>) {
  const { title, description, action, busy, failure, method, call, reason, refreshes, width } = props;
  const { onDone, onClose, children } = props;
  const { id, renew } = useRequestId(call({ requestId: "", validateOnly: false }));
  // What was looked at last: a dry run of other content says nothing of this one.
  const [looked, setLooked] = useState("");
  const dryRun = useMutation(method, { gcTime: 0 });
  const mutation = useMutation(method, {
    // Answers may hold a secret.
    gcTime: 0,
    onSuccess: (answer) => {
      renew();
      refreshObjects(refreshes);
      onDone(answer);
    },
  });
  const isBusy = mutation.isPending || dryRun.isPending;
  const error = mutation.error ?? (looked === id ? dryRun.error : undefined);
  const errors = fieldErrors(error);
  const fields = children(errors.of);
  const effects = looked === id ? effectsOf(dryRun.data) : undefined;
  const look = () => {
    if (reason || isBusy) return;
    mutation.reset();
    setLooked(id);
    // Another id than that of the call itself: a repeat of the same one would have to have the same content.
    dryRun.mutate(call({ requestId: crypto.randomUUID(), validateOnly: true }));
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={title}
      description={description}
      {...(width && { width })}
    >
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason || isBusy) return;
          dryRun.reset();
          mutation.mutate(call({ requestId: id, validateOnly: false }));
        }}
      >
        {error != null && <ErrorNotice error={error} title={failure} fieldsElsewhere={errors.areShown()} />}
        {fields}
        {effects && <EffectsFound effects={effects} />}
        <div className="flex flex-wrap justify-end gap-2">
          <Button reason={reason} busy={dryRun.isPending && "Looking"} onClick={look}>
            Show what it changes
          </Button>
          <Button type="submit" variant="primary" reason={reason} busy={mutation.isPending && busy}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
