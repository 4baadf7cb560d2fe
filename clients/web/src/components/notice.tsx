import { CircleAlert, CircleCheck, Info } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "~/lib/cn";

const LOOKS = {
  info: [Info, "bg-surface border-line-strong", "text-muted"],
  success: [CircleCheck, "bg-succeeded-soft border-transparent", "text-succeeded"],
  failure: [CircleAlert, "bg-failed-soft border-transparent", "text-failed"],
} as const;

/** Something that people have to know here: that it worked, that it did not, or what comes next. */
export function Notice({
  kind = "info",
  title,
  children,
}: {
  kind?: keyof typeof LOOKS;
  title?: string;
  children: ReactNode;
}) {
  const [Icon, box, icon] = LOOKS[kind];
  return (
    <div
      role={kind === "failure" ? "alert" : "status"}
      className={cn("flex items-start gap-2 rounded-md border px-3 py-2", box)}
    >
      <Icon aria-hidden className={cn("mt-0.5 size-4 shrink-0", icon)} />
      <div className="min-w-0 flex-1">
        {title && <p className="font-semibold">{title}</p>}
        {children}
      </div>
    </div>
  );
}
