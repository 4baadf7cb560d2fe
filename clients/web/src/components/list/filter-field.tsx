// The controls of one filter each: in a panel beside its button, or all below each other on a phone.

import { useId, useState } from "react";
import { serverNow } from "~/api/clock";
import {
  type FilterField,
  joinRange,
  joinValues,
  type Option,
  principalName,
  readTag,
  splitRange,
  splitValues,
} from "~/lib/filter";
import { exactTime } from "~/lib/format";
import { useMe } from "~/lib/me";
import { idOf } from "~/lib/names";
import { Button } from "~/ui/button";
import { Checkbox, Field, Input } from "~/ui/field";

export interface FilterControlProps {
  field: FilterField;
  /** What can be chosen, for fields of objects. */
  options: readonly Option[];
  value: string;
  onChange: (value: string) => void;
}

/** The control that belongs to a kind of filter. */
export function FilterControl({ field, options, value, onChange }: FilterControlProps) {
  switch (field.kind) {
    case "search":
      return null;
    case "choice":
      return <ChoiceControl label={field.label} options={field.options} value={value} onChange={onChange} />;
    case "object":
      return <ChoiceControl label={field.label} options={options} value={value} onChange={onChange} />;
    case "person":
      return <PersonControl label={field.label} value={value} onChange={onChange} />;
    case "exact":
      return (
        <TextControl
          label={field.label}
          placeholder={field.placeholder}
          suggestions={field.suggestions}
          value={value}
          onChange={onChange}
          key={value}
        />
      );
    case "time":
      return <TimeControl label={field.label} value={value} onChange={onChange} />;
    case "tags":
      return <TagsControl value={value} onChange={onChange} />;
  }
}

interface ControlProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** More options than this get a field that narrows them. */
const MANY = 10;

function ChoiceControl({ label, options, value, onChange }: ControlProps & { options: readonly Option[] }) {
  const [narrow, setNarrow] = useState("");
  const chosen = splitValues(value);
  // What the address names but the list of options does not hold can still be taken back.
  const unknown = chosen.filter((one) => !options.some((option) => option.value === one));
  const all = [...options, ...unknown.map((one) => ({ value: one, label: idOf(one) }))];
  const shown = all.filter(
    (option) => chosen.includes(option.value) || option.label.toLowerCase().includes(narrow.trim().toLowerCase()),
  );
  const toggle = (one: string) =>
    onChange(joinValues(chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one]));
  return (
    <fieldset className="flex min-w-0 flex-col gap-1">
      <legend className="mb-1 font-medium">{label}</legend>
      {options.length > MANY && (
        <Input
          value={narrow}
          onChange={(event) => setNarrow(event.target.value)}
          placeholder="Narrow this list"
          aria-label={`Narrow the list of ${label.toLowerCase()}`}
        />
      )}
      {all.length === 0 && <p className="text-muted">There is nothing to choose from.</p>}
      <div className="flex max-h-64 flex-col overflow-y-auto p-0.5">
        {shown.map((option) => (
          <div key={option.value} className="py-1">
            <Checkbox
              label={
                <span className="min-w-0 truncate" dir="auto">
                  {option.label}
                </span>
              }
              checked={chosen.includes(option.value)}
              onChange={() => toggle(option.value)}
            />
          </div>
        ))}
      </div>
    </fieldset>
  );
}

function TextControl({
  label,
  value,
  onChange,
  placeholder,
  suggestions = [],
}: ControlProps & { placeholder?: string; suggestions?: readonly string[] | undefined }) {
  const [text, setText] = useState(value);
  const list = useId();
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        onChange(text.trim());
      }}
    >
      <Field label={label}>
        {(control) => (
          <Input
            {...control}
            value={text}
            placeholder={placeholder}
            list={suggestions.length > 0 ? list : undefined}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      {suggestions.length > 0 && (
        <datalist id={list}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      <Button type="submit" size="sm" className="self-start">
        Show only these
      </Button>
    </form>
  );
}

function PersonControl(props: ControlProps) {
  const me = useMe();
  return (
    <div className="flex flex-col gap-3">
      <TextControl {...props} placeholder="Username" key={props.value} />
      {me && principalName(props.value) !== me.name && (
        <Button size="sm" className="self-start" onClick={() => props.onChange(idOf(me.name))}>
          Show mine
        </Button>
      )}
    </div>
  );
}

const HOUR = 3_600_000;
const PRESETS = [
  ["Last hour", HOUR],
  ["Last 24 hours", 24 * HOUR],
  ["Last 7 days", 7 * 24 * HOUR],
  ["Last 30 days", 30 * 24 * HOUR],
] as const;

/** A time as a field of date and time holds it, in the browser's zone. */
function localInput(time: string | undefined): string {
  if (!time) return "";
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function fromInput(text: string): string | undefined {
  return text ? new Date(text).toISOString() : undefined;
}

function TimeControl({ label, value, onChange }: ControlProps) {
  const range = splitRange(value);
  const id = useId();
  // The start is kept as a time, not as "24 hours ago": a copied link shows the same to somebody else tomorrow.
  const since = (length: number) => {
    const minute = Math.floor((serverNow() - length) / 60_000) * 60_000;
    onChange(joinRange({ from: new Date(minute).toISOString() }));
  };
  const ends = [
    ["from", "From"],
    ["to", "Until"],
  ] as const;
  return (
    <fieldset className="flex min-w-0 flex-col gap-3">
      <legend className="mb-1 font-medium">{label}</legend>
      <div className="grid grid-cols-2 gap-1.5">
        {PRESETS.map(([name, length]) => (
          <Button key={name} size="sm" onClick={() => since(length)}>
            {name}
          </Button>
        ))}
      </div>
      {ends.map(([end, name]) => (
        <Field key={end} label={name} id={`${id}-${end}`}>
          {(control) => (
            <Input
              {...control}
              type="datetime-local"
              value={localInput(range[end])}
              title={range[end] && exactTime(Date.parse(range[end]))}
              onChange={(event) => onChange(joinRange({ ...range, [end]: fromInput(event.target.value) }))}
            />
          )}
        </Field>
      ))}
    </fieldset>
  );
}

function TagsControl({ value, onChange }: Omit<ControlProps, "label">) {
  const [text, setText] = useState("");
  const [isWrong, setIsWrong] = useState(false);
  const tags = splitValues(value);
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        const tag = readTag(text);
        setIsWrong(!tag);
        if (!tag) return;
        setText("");
        onChange(joinValues([...tags.filter((other) => readTag(other)?.key !== tag.key), `${tag.key}=${tag.value}`]));
      }}
    >
      <Field
        label="Tag"
        help="A key and its value, for instance team=payments."
        errors={isWrong ? ["Write it as key=value; the key begins with a small letter."] : []}
      >
        {(control) => (
          <Input
            {...control}
            value={text}
            placeholder="key=value"
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" size="sm" className="self-start">
        Add tag
      </Button>
      {tags.length > 0 && (
        <ul className="flex flex-col gap-1" aria-label="Tags that are asked for">
          {tags.map((tag) => (
            <li key={tag} className="flex items-center justify-between gap-2">
              <code className="truncate">{tag}</code>
              <Button
                size="sm"
                variant="ghost"
                aria-label={`Remove tag ${tag}`}
                onClick={() => onChange(joinValues(tags.filter((other) => other !== tag)))}
              >
                Remove
              </Button>
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}
