// The bare controls of single values, without label and help.

import type { JsonValue } from "@bufbuild/protobuf";
import { useEffect, useState } from "react";
import { cn } from "~/lib/cn";
import { defaultOf, type Schema } from "~/lib/schema";
import { type FieldKind, kindOf, optionsOf, parseNumber, typeOf } from "~/lib/schema-fields";
import { Input, Select, TextArea } from "~/ui/field";
import { useForm } from "./context";

/** Kinds that are one control. */
export function isSingle(kind: FieldKind): boolean {
  return ["text", "long-text", "secret", "number", "switch", "choice", "json"].includes(kind);
}

export interface ControlProps {
  /** What ties it to label, help and errors. */
  control: {
    id: string;
    "aria-label"?: string | undefined;
    "aria-describedby"?: string | undefined;
    "aria-invalid"?: boolean | undefined;
    "aria-required"?: boolean | undefined;
  };
  schema: Schema;
  value: JsonValue | undefined;
  /** `undefined` where the field was emptied. */
  onChange: (value: JsonValue | undefined) => void;
  required: boolean;
  onUnread?: (message: string | undefined) => void;
}

export function Control(props: ControlProps) {
  const { root } = useForm();
  const { control, schema, value, onChange } = props;
  const kind = kindOf(root, schema);
  const given = defaultOf(root, schema);
  const text = textOf(value);
  const placeholder = given === undefined || given === "" ? exampleOf(schema) : textOf(given);
  const edit = (event: { target: { value: string } }) => onChange(event.target.value || undefined);
  switch (kind) {
    case "switch":
      return (
        <input
          {...control}
          type="checkbox"
          checked={(value ?? given) === true}
          onChange={(event) => onChange(event.target.checked)}
          className="size-4 shrink-0 accent-(--color-accent)"
        />
      );
    case "choice":
      return <Choice {...props} given={given} />;
    case "number":
      return <NumberInput {...props} placeholder={placeholder} />;
    case "secret":
      // Never shown, and nothing that a browser should remember.
      return <Input {...control} type="password" autoComplete="new-password" value={text} onChange={edit} />;
    case "long-text":
      return (
        <TextArea
          {...control}
          dir="auto"
          rows={1}
          className={cn("field-sizing-content max-h-96", schema["x-widget"] !== "textarea" && "min-h-8!")}
          value={text}
          placeholder={placeholder}
          onChange={edit}
          spellCheck={false}
        />
      );
    case "json":
      return <JsonInput {...props} />;
    default:
      return (
        <Input
          {...control}
          dir="auto"
          autoComplete="off"
          spellCheck={false}
          value={text}
          placeholder={placeholder}
          onChange={edit}
        />
      );
  }
}

function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function exampleOf(schema: Schema): string | undefined {
  const example = Array.isArray(schema.examples) ? schema.examples[0] : undefined;
  return example === undefined ? undefined : `For example ${textOf(example)}`;
}

function Choice({
  control,
  schema,
  value,
  onChange,
  required,
  given,
}: ControlProps & { given: JsonValue | undefined }) {
  const options = optionsOf(schema) ?? [];
  const current = value ?? given;
  const index = options.findIndex((option) => same(option.value, current));
  const isOther = current !== undefined && index < 0;
  return (
    <Select
      {...control}
      value={isOther ? "other" : index < 0 ? "" : String(index)}
      onChange={(event) => onChange(options[Number(event.target.value)]?.value)}
    >
      {(index < 0 || (!required && given === undefined)) && !isOther && (
        <option value="">{required ? "Choose" : "Not set"}</option>
      )}
      {isOther && <option value="other">{textOf(current)} (not possible here)</option>}
      {options.map(({ label }, position) => (
        <option key={label} value={position}>
          {label || "Empty"}
        </option>
      ))}
    </Select>
  );
}

function same(a: JsonValue, b: JsonValue | undefined): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

/** Keeps what is typed as it is typed: `1.` is on its way to `1.5`. */
function NumberInput({
  control,
  schema,
  value,
  onChange,
  placeholder,
}: ControlProps & { placeholder?: string | undefined }) {
  const [typed, setTyped] = useState(() => textOf(value));
  const isTyped = typed === "" ? value === undefined : parseNumber(typed) === value;
  return (
    <Input
      {...control}
      inputMode={typeOf(schema) === "integer" && schema.minimum !== undefined ? "numeric" : "text"}
      autoComplete="off"
      className="max-w-48 tabular-nums"
      value={isTyped ? typed : textOf(value)}
      placeholder={placeholder}
      onChange={(event) => {
        setTyped(event.target.value);
        onChange(event.target.value === "" ? undefined : parseNumber(event.target.value));
      }}
    />
  );
}

/** For what has no form of its own: the value as JSON. */
function JsonInput({ control, value, onChange, onUnread }: ControlProps) {
  const [typed, setTyped] = useState<string>();
  const [fault, setFault] = useState<string>();
  useEffect(() => () => onUnread?.(undefined), [onUnread]);
  const edit = (text: string) => {
    setTyped(text);
    let message: string | undefined;
    try {
      onChange(text.trim() === "" ? undefined : (JSON.parse(text) as JsonValue));
    } catch {
      message = "This is not JSON yet. Texts stand in double quotes, and lists and objects are closed.";
    }
    setFault(message);
    onUnread?.(message);
  };
  return (
    <>
      <TextArea
        {...control}
        rows={3}
        spellCheck={false}
        className="font-mono text-sm"
        value={typed ?? (value === undefined ? "" : JSON.stringify(value, null, 2))}
        placeholder="JSON"
        onChange={(event) => edit(event.target.value)}
        onBlur={() => !fault && setTyped(undefined)}
      />
      {fault && <p className="text-failed text-sm">{fault}</p>}
    </>
  );
}
