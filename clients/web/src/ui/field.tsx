import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "~/lib/cn";
import { Words } from "./words";

const CONTROL =
  "w-full rounded-md border border-line-strong bg-canvas px-2.5 text-ink transition-colors hover:border-faint disabled:bg-sunken disabled:text-muted aria-invalid:border-failed";

/** The classes of a text control of one line. */
export const controlClass = cn(CONTROL, "h-8");

export interface FieldProps {
  label: ReactNode;
  /** What belongs into it: below the label. */
  help?: ReactNode;
  /** Everything that is wrong with it. */
  errors?: readonly string[] | undefined;
  required?: boolean | undefined;
  /** Gets the ids that tie the control to label, help and errors. */
  children: (control: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean | undefined;
    "aria-required": boolean | undefined;
  }) => ReactNode;
  id?: string;
}

/** A label, help and errors around a control. */
export function Field({ label, help, errors = [], required, children, id }: FieldProps) {
  const generated = useId();
  const own = id ?? generated;
  const described = [help ? `${own}-help` : "", errors.length > 0 ? `${own}-errors` : ""].filter(Boolean).join(" ");
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={own} className="font-medium">
        {label}
        {required && (
          <>
            {/* The space is for those who hear the two words. */}{" "}
            <span className="font-normal text-muted text-sm">required</span>
          </>
        )}
      </label>
      {help && (
        <div id={`${own}-help`} className="text-muted text-sm">
          {help}
        </div>
      )}
      {children({
        id: own,
        "aria-describedby": described || undefined,
        "aria-invalid": errors.length > 0 || undefined,
        "aria-required": required || undefined,
      })}
      {errors.length > 0 && (
        <ul id={`${own}-errors`} className="flex flex-col gap-0.5 text-failed text-sm">
          {errors.map((error) => (
            <li key={error}>
              <Words text={error} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input {...rest} className={cn(controlClass, className)} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea {...rest} className={cn(CONTROL, "min-h-20 py-1.5", className)} />;
}

/** The browser's own list: the best one on every keyboard, phone and screen reader. */
export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select {...rest} className={cn(controlClass, "pr-6", className)} />;
}

/** A checkbox with its label beside it. */
export function Checkbox({ label, ...rest }: { label: ReactNode } & Omit<ComponentProps<"input">, "type">) {
  return (
    <label className="flex items-center gap-2">
      <input type="checkbox" {...rest} className="size-4 shrink-0 accent-(--color-accent)" />
      {label}
    </label>
  );
}
