import { Tooltip as Radix } from "radix-ui";
import { type ReactNode, useState } from "react";

/** Says more about its one child on hover and focus; nothing where there is no text now. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <Radix.Root delayDuration={300} open={open && Boolean(text)} onOpenChange={setOpen}>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          sideOffset={4}
          collisionPadding={8}
          className="z-50 max-w-80 rounded-md border border-line bg-float px-2 py-1 text-sm text-ink shadow-float"
        >
          {text}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export const TooltipProvider = Radix.Provider;
