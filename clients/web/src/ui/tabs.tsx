import type { ReactNode } from "react";
import { cn } from "~/lib/cn";

export interface TabItem<Id extends string> {
  id: Id;
  label: string;
  /** Beside the label; left out where it is not known. */
  count?: number | undefined;
}

export interface TabsProps<Id extends string> {
  label: string;
  items: readonly TabItem<Id>[];
  value: Id;
  onChange: (id: Id) => void;
  children?: ReactNode;
}

/** Tabs over a panel. The chosen one belongs in the URL. */
export function Tabs<Id extends string>({ label, items, value, onChange, children }: TabsProps<Id>) {
  const move = (event: React.KeyboardEvent, by: number) => {
    const index = items.findIndex(({ id }) => id === value);
    const next = items[(index + by + items.length) % items.length];
    if (!next) return;
    event.preventDefault();
    onChange(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <>
      <div role="tablist" aria-label={label} className="flex gap-4 overflow-x-auto border-line border-b">
        {items.map((item) => (
          <button
            key={item.id}
            id={`tab-${item.id}`}
            type="button"
            role="tab"
            aria-selected={item.id === value}
            aria-controls={children ? "tab-panel" : undefined}
            tabIndex={item.id === value ? 0 : -1}
            onClick={() => onChange(item.id)}
            onKeyDown={(event) => {
              if (event.key === "ArrowRight") move(event, 1);
              if (event.key === "ArrowLeft") move(event, -1);
            }}
            className={cn(
              "-mb-px flex h-9 items-center gap-1.5 border-b-2 whitespace-nowrap",
              item.id === value ? "border-accent font-semibold" : "border-transparent text-muted hover:text-ink",
            )}
          >
            {item.label}
            {item.count !== undefined && <span className="text-muted text-sm tabular-nums">{item.count}</span>}
          </button>
        ))}
      </div>
      {children && (
        <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${value}`} className="pt-4">
          {children}
        </div>
      )}
    </>
  );
}
