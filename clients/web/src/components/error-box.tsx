import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Words } from "~/ui/words";

/** The frame of everything that tells what did not work, and what to do. */
export function ErrorBox({
  icon: Icon,
  title,
  message,
  children,
}: {
  icon: LucideIcon;
  title: string;
  message: string;
  children?: ReactNode;
}) {
  return (
    <div role="alert" className="flex gap-3 rounded-md border border-line-strong bg-surface px-4 py-3">
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0 text-failed" />
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <div>
          <p className="font-semibold">{title}</p>
          <p className="whitespace-pre-line">
            <Words text={message} />
          </p>
        </div>
        {children}
      </div>
    </div>
  );
}
