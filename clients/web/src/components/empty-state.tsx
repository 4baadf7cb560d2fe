import type { ReactNode } from "react";
import { CopyButton } from "./copy-button";

export interface EmptyStateProps {
  /** One sentence: what this is, or why nothing is here. */
  children: ReactNode;
  /** The button or link that starts it. */
  action?: ReactNode;
  /** The line of the `flagstone` command that does the same. */
  command?: string;
}

/** Nothing here yet, and what to do next. */
export function EmptyState({ children, action, command }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center gap-3 rounded-md border border-line-strong border-dashed px-4 py-10 text-center">
      <p className="max-w-lg text-muted">{children}</p>
      {action}
      {command && (
        <p className="inline-flex max-w-full items-center gap-1 text-muted text-sm">
          <code className="truncate">{command}</code>
          <CopyButton text={command} label="Copy the command" />
        </p>
      )}
    </div>
  );
}
