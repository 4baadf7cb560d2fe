import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";

export interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  /** One sentence below the title; also what screen readers say first. */
  description?: ReactNode;
  children: ReactNode;
  /** The buttons, the main one last. */
  footer?: ReactNode;
  width?: "sm" | "md" | "lg";
  /** False: it cannot be left without an answer. */
  dismissible?: boolean;
}

const WIDTHS = { sm: "max-w-96", md: "max-w-xl", lg: "max-w-4xl" };

/** A modal dialog. */
export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  children,
  footer,
  width = "md",
  dismissible = true,
}: DialogProps) {
  const keep = dismissible ? undefined : (event: Event) => event.preventDefault();
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-overlay" />
        <Radix.Content
          onEscapeKeyDown={keep}
          onInteractOutside={keep}
          className={`fixed top-[12vh] left-1/2 z-40 flex max-h-[80vh] w-[calc(100vw-24px)] -translate-x-1/2 flex-col rounded-lg border border-line bg-float shadow-float ${WIDTHS[width]}`}
          {...(description ? {} : { "aria-describedby": undefined })}
        >
          <div className="px-4 pt-4 pr-12">
            <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
            {description && <Radix.Description className="mt-1 text-muted">{description}</Radix.Description>}
          </div>
          <div className="min-h-0 flex-1 overflow-auto px-4 py-4">{children}</div>
          {footer && <div className="flex justify-end gap-2 border-line border-t px-4 py-3">{footer}</div>}
          {dismissible && (
            // Last, so that the keyboard begins in the content; without a tooltip, which would take the Escape for itself.
            <Radix.Close
              aria-label="Close"
              className="absolute top-3 right-3 inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink"
            >
              <X aria-hidden className="size-4" />
            </Radix.Close>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
