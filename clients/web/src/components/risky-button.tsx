import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { useMutation } from "@connectrpc/connect-query";
import { type ReactNode, useState } from "react";
import { type ObjectType, refreshObjects } from "~/api/queries";
import { effectsOf } from "~/lib/effects";
import { useRequestId } from "~/lib/use-request-id";
import { Button, type ButtonProps } from "~/ui/button";
import { ConfirmRisk } from "./confirm-risk";
import type { CallIds } from "./mutation-dialog";

export interface RiskyButtonProps<I extends DescMessage, O extends DescMessage>
  extends Pick<ButtonProps, "size" | "variant" | "icon" | "reason" | "children"> {
  /** What it does to what, where the words alone do not tell: "Remove Ann from the group". */
  label?: string;
  title: string;
  description: ReactNode;
  /** What must be typed. */
  confirmText?: string;
  /** The words of the button that does it: a verb with its object. */
  action: string;
  busy: string;
  method: DescMethodUnary<I, O>;
  call: (ids: CallIds) => MessageInitShape<I>;
  refreshes: readonly ObjectType[];
  onDone?: (answer: MessageShape<O>) => void;
}

/** A button for what cannot simply be undone: a dry run shows what it does, and only then it can be done. */
export function RiskyButton<I extends DescMessage, O extends DescMessage>(props: RiskyButtonProps<I, O>) {
  const { children, size, variant, icon, reason, label, title, description, confirmText, action, busy } = props;
  const { method, call, refreshes, onDone } = props;
  const [open, setOpen] = useState(false);
  const { id, renew } = useRequestId(call({ requestId: "", validateOnly: false }));
  const dryRun = useMutation(method, { gcTime: 0 });
  const mutation = useMutation(method, {
    gcTime: 0,
    onSuccess: (answer) => {
      renew();
      setOpen(false);
      refreshObjects(refreshes);
      onDone?.(answer);
    },
  });
  const look = () => dryRun.mutate(call({ requestId: crypto.randomUUID(), validateOnly: true }));
  const begin = () => {
    mutation.reset();
    dryRun.reset();
    look();
    setOpen(true);
  };
  return (
    <>
      <Button size={size} variant={variant} icon={icon} reason={reason} aria-label={label} onClick={begin}>
        {children}
      </Button>
      <ConfirmRisk
        open={open}
        onOpenChange={setOpen}
        title={title}
        description={description}
        {...(confirmText !== undefined && { confirmText })}
        action={action}
        effects={effectsOf(dryRun.data)}
        onConfirm={() => mutation.mutate(call({ requestId: id, validateOnly: false }))}
        busy={mutation.isPending && busy}
        error={mutation.error ?? dryRun.error}
        onRetry={mutation.error ? undefined : look}
      />
    </>
  );
}
