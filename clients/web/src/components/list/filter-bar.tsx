// What a list is filtered by: a field to search, a button with a panel for each filter, and what is chosen, to take back.
// On a phone everything but the search folds into one button. The address holds it all.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronDown, ListFilter, Search, X } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { cn } from "~/lib/cn";
import {
  type FilterField,
  type FilterFields,
  type FilterValues,
  isFiltered,
  MAX_SEARCH,
  type Option,
  principalName,
  readFilters,
  splitRange,
  splitValues,
} from "~/lib/filter";
import { useMe } from "~/lib/me";
import { idOf } from "~/lib/names";
import { useIsCompact } from "~/lib/use-is-compact";
import { Button, IconButton } from "~/ui/button";
import { Dialog } from "~/ui/dialog";
import { controlClass } from "~/ui/field";
import { Popover } from "~/ui/popover";
import { FilterControl } from "./filter-field";

/** What the address says about a list's filters, and how to change it. */
export function useFilters<const Fields extends FilterFields>(fields: Fields) {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const text = JSON.stringify(readFilters(fields, search as Record<string, unknown>));
  // The same object as long as nothing else is chosen.
  const values = useMemo(() => JSON.parse(text) as FilterValues<Fields>, [text]);
  const change = (patch: FilterValues<Fields>, replace = false) => {
    const clean = Object.fromEntries(Object.entries(patch).map(([key, value]) => [key, value || undefined]));
    void navigate({ to: ".", search: (before) => ({ ...before, ...clean }), replace });
  };
  const clear = () => change(Object.fromEntries(Object.keys(fields).map((key) => [key, undefined])) as typeof values);
  return [values, change, clear] as const;
}

export interface FilterBarProps {
  fields: FilterFields;
  values: FilterValues;
  onChange: (patch: FilterValues, replace?: boolean) => void;
  /** What can be chosen, for the fields of objects. */
  options?: Partial<Record<string, readonly Option[]>> | undefined;
}

export function FilterBar({ fields, values, onChange, options = {} }: FilterBarProps) {
  const isCompact = useIsCompact();
  const entries = Object.entries(fields);
  const [searchKey, searchField] = entries.find(([, field]) => field.kind === "search") ?? [];
  const others = entries.filter(([, field]) => field.kind !== "search");
  const chosen = others.filter(([key]) => values[key]);
  const clear = () => onChange(Object.fromEntries(entries.map(([key]) => [key, undefined])));
  const control = ([key, field]: (typeof entries)[number]) => (
    <FilterControl
      key={key}
      field={field}
      options={options[key] ?? []}
      value={values[key] ?? ""}
      onChange={(value) => onChange({ [key]: value })}
    />
  );
  return (
    <search aria-label="Filters" className="flex min-w-0 flex-wrap items-center gap-1.5">
      {searchKey && searchField && (
        <SearchField
          label={`Search by ${searchField.label.toLowerCase()}`}
          value={values[searchKey] ?? ""}
          onChange={(value) => onChange({ [searchKey]: value }, true)}
        />
      )}
      {isCompact ? (
        <FilterSheet count={chosen.length} onClear={clear}>
          {others.map(control)}
        </FilterSheet>
      ) : (
        others.map((entry) => {
          const [key, field] = entry;
          const value = values[key];
          return (
            <div key={key} className="flex max-w-72 min-w-0 items-center">
              <Popover
                label={field.label}
                trigger={<FilterButton field={field} value={value} options={options[key]} />}
              >
                {control(entry)}
              </Popover>
              {value && <RemoveButton label={field.label} onClick={() => onChange({ [key]: undefined })} />}
            </div>
          );
        })
      )}
      {isFiltered(values) && !isCompact && (
        <Button variant="ghost" size="sm" onClick={clear}>
          Clear filters
        </Button>
      )}
      {isCompact && chosen.length > 0 && (
        <ul aria-label="Chosen filters" className="flex w-full flex-wrap gap-1.5">
          {chosen.map(([key, field]) => (
            <li key={key} className="flex max-w-full min-w-0 items-center">
              <span className={cn(CHIP, "rounded-r-none border-r-0 bg-accent-soft")}>
                <Chosen field={field} value={values[key] ?? ""} options={options[key]} />
              </span>
              <RemoveButton label={field.label} onClick={() => onChange({ [key]: undefined })} />
            </li>
          ))}
        </ul>
      )}
    </search>
  );
}

const CHIP = "flex h-7 min-w-0 items-center gap-1 rounded-md border border-line-strong px-2 text-sm";

function FilterButton({
  field,
  value,
  options,
  ...trigger
}: {
  field: FilterField;
  value: string | undefined;
  options: readonly Option[] | undefined;
}) {
  return (
    <button
      type="button"
      {...trigger}
      className={cn(
        CHIP,
        value
          ? "rounded-r-none border-r-0 bg-accent-soft"
          : "border-dashed text-muted hover:border-faint hover:text-ink",
      )}
    >
      {value ? <Chosen field={field} value={value} options={options} /> : field.label}
      {!value && <ChevronDown aria-hidden className="size-3.5 shrink-0" />}
    </button>
  );
}

function RemoveButton({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <button
      type="button"
      onClick={onClick}
      aria-label={`Remove the filter ${label.toLowerCase()}`}
      className="flex h-7 shrink-0 items-center rounded-r-md border border-line-strong bg-accent-soft px-1 text-muted hover:text-ink"
    >
      <X aria-hidden className="size-3.5" />
    </button>
  );
}

/** What is chosen, in words. */
function Chosen({
  field,
  value,
  options,
}: {
  field: FilterField;
  value: string;
  options?: readonly Option[] | undefined;
}) {
  const me = useMe();
  return (
    <span className="truncate" dir="auto">
      <span className="text-muted">{field.label}: </span>
      {inWords(field, value, options, me?.name)}
    </span>
  );
}

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function inWords(field: FilterField, value: string, options: readonly Option[] = [], me?: string): string {
  switch (field.kind) {
    case "choice":
      return labels(value, field.options);
    case "object":
      return labels(value, options);
    case "person":
      return principalName(value) === me ? "me" : idOf(value);
    case "time": {
      const { from, to } = splitRange(value);
      const start = from && `since ${DAY_AND_TIME.format(new Date(from))}`;
      const end = to && `until ${DAY_AND_TIME.format(new Date(to))}`;
      return [start, end].filter(Boolean).join(", ");
    }
    case "tags":
      return splitValues(value).join(", ");
    default:
      return value;
  }
}

function labels(value: string, options: readonly Option[]): string {
  return splitValues(value)
    .map((one) => options.find((option) => option.value === one)?.label ?? idOf(one))
    .join(", ");
}

/** Long enough that a word is asked for, not each of its letters. */
const DEBOUNCE = 250;

function SearchField({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const told = useRef(value);
  useEffect(() => {
    // The address changed by other means than this field: back, a view, "Clear filters".
    if (value === told.current) return;
    told.current = value;
    clearTimeout(timer.current);
    setText(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const tell = (next: string) => {
    clearTimeout(timer.current);
    told.current = next.trim();
    onChange(next.trim());
  };
  return (
    <div className="relative w-64 max-w-full flex-1 sm:flex-none">
      <Search aria-hidden className="pointer-events-none absolute top-1.5 left-2 size-4 text-muted" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        maxLength={MAX_SEARCH}
        dir="auto"
        spellCheck={false}
        onChange={(event) => {
          const next = event.target.value;
          setText(next);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => tell(next), DEBOUNCE);
        }}
        onKeyDown={(event) => event.key === "Enter" && tell(text)}
        className={cn(controlClass, "h-7! pl-8 [&::-webkit-search-cancel-button]:hidden", text && "pr-8")}
      />
      {text && (
        <IconButton
          label="Clear the search"
          className="absolute top-0 right-0"
          onClick={() => {
            setText("");
            tell("");
          }}
        >
          <X />
        </IconButton>
      )}
    </div>
  );
}

function FilterSheet({ count, onClear, children }: { count: number; onClear: () => void; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="sm" icon={<ListFilter aria-hidden className="size-4" />} onClick={() => setOpen(true)}>
        {count > 0 ? `Filters (${count})` : "Filters"}
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Filters"
        footer={
          <>
            {count > 0 && (
              <Button variant="ghost" onClick={onClear}>
                Clear filters
              </Button>
            )}
            <Button variant="primary" onClick={() => setOpen(false)}>
              Show the list
            </Button>
          </>
        }
      >
        <div className="flex flex-col gap-5">{children}</div>
      </Dialog>
    </>
  );
}
