import { Link } from "@tanstack/react-router";
import { cn } from "~/lib/cn";
import { idOf, routeOf } from "~/lib/names";
import { CopyButton } from "./copy-button";

export interface ResourceNameProps {
  name: string;
  /** What people call it, where that is not its id. */
  children?: React.ReactNode;
  /** With a button that copies the whole name. */
  copy?: boolean;
  className?: string;
}

/** An object, by its resource name: a link to its page where it has one. */
export function ResourceName({ name, children, copy, className }: ResourceNameProps) {
  if (!name) return <span className="text-muted">None</span>;
  const place = routeOf(name);
  const text = children ?? <span className="font-mono text-sm">{idOf(name)}</span>;
  return (
    <span className={cn("inline-flex max-w-full items-center gap-1 align-bottom", className)}>
      {place ? (
        <Link {...place} className="truncate text-accent-strong hover:underline" title={name}>
          {text}
        </Link>
      ) : (
        <span className="truncate" title={name}>
          {text}
        </span>
      )}
      {copy && <CopyButton text={name} label="Copy the resource name" />}
    </span>
  );
}
