import type { ComponentProps, ReactNode } from "react";
import { cn } from "~/lib/cn";
import { Tooltip } from "./tooltip";

export type ButtonVariant = "primary" | "secondary" | "ghost" | "danger";

const VARIANTS: Record<ButtonVariant, string> = {
  primary: "bg-accent text-accent-ink enabled:hover:bg-accent-strong border-transparent",
  secondary: "bg-canvas border-line-strong text-ink enabled:hover:bg-hover",
  ghost: "border-transparent text-muted enabled:hover:bg-hover enabled:hover:text-ink",
  danger: "bg-failed text-canvas border-transparent enabled:hover:opacity-90",
};

const BASE =
  "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap transition-colors disabled:opacity-55 aria-disabled:opacity-55 aria-disabled:cursor-not-allowed";

const SIZES = { sm: "h-7 px-2 text-sm", md: "h-8 px-3" } as const;

/** The classes of a button, for links that look like one. */
export function buttonClass(variant: ButtonVariant = "secondary", size: keyof typeof SIZES = "md"): string {
  return cn(BASE, SIZES[size], VARIANTS[variant].replaceAll("enabled:", ""));
}

export interface ButtonProps extends ComponentProps<"button"> {
  variant?: ButtonVariant;
  size?: keyof typeof SIZES;
  icon?: ReactNode;
  /** What it waits for: shown in place of the label, and the button does nothing meanwhile. */
  busy?: string | false | undefined;
  /** Why the action is not possible now: the button is disabled, can still be focused, and says why. */
  reason?: string | false | undefined;
}

/** A button. Its label is a verb with its object. */
export function Button(props: ButtonProps) {
  const { variant = "secondary", size = "md", icon, busy, reason, children, className, ...rest } = props;
  const blocked = Boolean(busy) || Boolean(reason);
  const button = (
    <button
      type="button"
      {...rest}
      aria-disabled={blocked || undefined}
      onClick={blocked ? (event) => event.preventDefault() : rest.onClick}
      className={cn(BASE, SIZES[size], VARIANTS[variant], className)}
    >
      {icon}
      {busy || children}
    </button>
  );
  // The same element whether there is a reason now or not: another one would lose the keyboard's focus.
  return "reason" in props ? <Tooltip text={reason}>{button}</Tooltip> : button;
}

export interface IconButtonProps extends ComponentProps<"button"> {
  /** What it does: its name for screen readers, and its tooltip. */
  label: string;
  shortcut?: string;
  /** Small: beside text. */
  size?: "sm" | "md";
}

const ICON_SIZES = { sm: "size-5 [&_svg]:size-3", md: "size-7 [&_svg]:size-4" } as const;

/** A button that is only an icon, with its label in a tooltip. */
export function IconButton({ label, shortcut, size = "md", className, ...rest }: IconButtonProps) {
  return (
    <Tooltip text={shortcut ? `${label} (${shortcut})` : label}>
      <button
        type="button"
        {...rest}
        aria-label={label}
        className={cn(
          "inline-flex shrink-0 items-center justify-center rounded-md text-muted transition-colors hover:bg-hover hover:text-ink disabled:opacity-50",
          ICON_SIZES[size],
          className,
        )}
      />
    </Tooltip>
  );
}
