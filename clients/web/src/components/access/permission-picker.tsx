// Choosing permissions: by category, with search. For the roles of an organization and for what a token may do.

import { ChevronDown, ChevronRight } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";
import { TierBadge } from "~/components/tier-badge";
import {
  byCategory,
  type Category,
  matchesText,
  type PermissionInfo,
  permissionTier,
  plainName,
} from "~/lib/permission-words";
import { Button } from "~/ui/button";
import { Checkbox, Input } from "~/ui/field";
import { PermissionIcon } from "./permission-icon";

export interface PermissionPickerProps {
  /** What can be chosen, in the registry's order. */
  permissions: readonly PermissionInfo[];
  chosen: ReadonlySet<string>;
  onChange: (chosen: Set<string>) => void;
  /** Why one cannot be chosen; it stays in view, so that people find it and read why. */
  blocked?: (permission: string) => string | undefined;
  /** Shows what is chosen, without a way to change it. */
  readOnly?: boolean;
}

export function PermissionPicker({ permissions, chosen, onChange, blocked, readOnly = false }: PermissionPickerProps) {
  const [text, setText] = useState("");
  const [onlyChosen, setOnlyChosen] = useState(false);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const categories = byCategory(permissions);
  const isShown = (one: PermissionInfo) => (!onlyChosen || chosen.has(one.permission)) && matchesText(one, text.trim());
  const shown = categories
    .map((category) => ({ category, visible: category.permissions.filter(isShown) }))
    .filter(({ visible }) => visible.length > 0);
  // A search says what is wanted: what it finds is open.
  const isNarrowed = text.trim() !== "" || onlyChosen;
  const allOpen = shown.every(({ category }) => opened.has(category.category));

  const set = (slugs: readonly string[], isOn: boolean) => {
    const next = new Set(chosen);
    for (const slug of slugs) {
      if (isOn) next.add(slug);
      else next.delete(slug);
    }
    onChange(next);
  };
  const toggle = (category: string) => {
    const next = new Set(opened);
    if (!next.delete(category)) next.add(category);
    setOpened(next);
  };
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Input
          type="search"
          aria-label="Search permissions"
          placeholder="Search permissions"
          className="min-w-40 max-w-80 flex-1"
          value={text}
          onChange={(event) => setText(event.target.value)}
          // The form around it is sent by its own button.
          onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
        />
        <Checkbox
          label="Only chosen ones"
          checked={onlyChosen}
          onChange={(event) => setOnlyChosen(event.target.checked)}
        />
        <output className="text-muted tabular-nums" aria-label="How many are chosen">
          {chosen.size} of {permissions.length} chosen
        </output>
        {!isNarrowed && (
          <Button
            size="sm"
            variant="ghost"
            onClick={() => setOpened(new Set(allOpen ? [] : categories.map(({ category }) => category)))}
          >
            {allOpen ? "Fold all" : "Unfold all"}
          </Button>
        )}
      </div>
      {shown.length === 0 && (
        <p className="py-4 text-center text-muted">
          {text.trim() ? "No permission matches." : "No permission is chosen."}
        </p>
      )}
      <div className="flex flex-col border-line border-t">
        {shown.map(({ category, visible }) => (
          <CategoryRows
            key={category.category}
            category={category}
            visible={visible}
            isOpen={isNarrowed || opened.has(category.category)}
            onToggle={isNarrowed ? undefined : () => toggle(category.category)}
            chosen={chosen}
            set={set}
            blocked={blocked}
            readOnly={readOnly}
          />
        ))}
      </div>
    </div>
  );
}

interface CategoryRowsProps {
  category: Category;
  visible: readonly PermissionInfo[];
  isOpen: boolean;
  onToggle: (() => void) | undefined;
  chosen: ReadonlySet<string>;
  set: (slugs: readonly string[], isOn: boolean) => void;
  blocked: PermissionPickerProps["blocked"];
  readOnly: boolean;
}

function CategoryRows({ category, visible, isOpen, onToggle, chosen, set, blocked, readOnly }: CategoryRowsProps) {
  const id = useId();
  const number = category.permissions.filter(({ permission }) => chosen.has(permission)).length;
  const free = visible.map(({ permission }) => permission).filter((permission) => !blocked?.(permission));
  const numberFree = free.filter((permission) => chosen.has(permission)).length;
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  return (
    <section aria-label={category.category} className="border-line border-b">
      <div className="flex h-9 items-center gap-2">
        {!readOnly && (
          <AllBox
            label={`All of ${category.category}`}
            state={numberFree === 0 ? "none" : numberFree === free.length ? "all" : "some"}
            disabled={free.length === 0}
            onChange={(isOn) => set(free, isOn)}
          />
        )}
        <button
          type="button"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={onToggle}
          disabled={!onToggle}
          className="flex h-8 min-w-0 flex-1 items-center gap-2 rounded-sm text-left enabled:hover:bg-hover"
        >
          <PermissionIcon icon={category.icon} />
          <span className="truncate font-semibold">{category.category}</span>
          <span className="text-muted text-sm tabular-nums">
            {number} of {category.permissions.length}
          </span>
          {onToggle && <Chevron aria-hidden className="ml-auto size-4 shrink-0 text-muted" />}
        </button>
      </div>
      {isOpen && (
        <ul id={id} className="flex flex-col pb-2">
          {visible.map((one) => (
            <PermissionRow
              key={one.permission}
              info={one}
              isChosen={chosen.has(one.permission)}
              reason={blocked?.(one.permission)}
              onChange={readOnly ? undefined : (isOn) => set([one.permission], isOn)}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

function PermissionRow({
  info,
  isChosen,
  reason,
  onChange,
}: {
  info: PermissionInfo;
  isChosen: boolean;
  reason: string | undefined;
  onChange: ((isOn: boolean) => void) | undefined;
}) {
  const { permission, description } = info;
  const tier = permissionTier(permission);
  // What is chosen but not to be had can still be taken away.
  const isBlocked = reason !== undefined && !isChosen;
  return (
    <li>
      <label className="flex items-start gap-2 rounded-sm py-1.5 pr-2 hover:bg-hover has-disabled:opacity-70">
        <input
          type="checkbox"
          checked={isChosen}
          disabled={isBlocked || !onChange}
          onChange={(event) => onChange?.(event.target.checked)}
          className="mt-0.5 size-4 shrink-0 accent-(--color-accent)"
        />
        <span className="flex min-w-0 flex-1 flex-col gap-x-4 md:flex-row">
          <span className="flex min-w-0 flex-1 flex-col">
            <span className="flex flex-wrap items-center gap-2">
              {plainName(info)}
              {tier !== undefined && <TierBadge tier={tier} />}
            </span>
            <span className="text-muted text-sm">{description}</span>
            {reason && <span className="text-sm text-waiting">{reason}</span>}
          </span>
          <code className="min-w-0 break-all text-muted md:max-w-[45%] md:text-right">{permission}</code>
        </span>
      </label>
    </li>
  );
}

/** A checkbox for many: between the two where only some are chosen. */
function AllBox({
  label,
  state,
  disabled,
  onChange,
}: {
  label: string;
  state: "none" | "some" | "all";
  disabled: boolean;
  onChange: (isOn: boolean) => void;
}) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = state === "some";
  }, [state]);
  return (
    <input
      ref={box}
      type="checkbox"
      aria-label={label}
      checked={state === "all"}
      disabled={disabled}
      onChange={() => onChange(state !== "all")}
      className="size-4 shrink-0 accent-(--color-accent)"
    />
  );
}
