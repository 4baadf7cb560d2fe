// A range of entries of the audit, as people type it.

import { useState } from "react";
import { Field, Input } from "~/ui/field";

/** A number of an entry as it is typed; `undefined` where it is none. */
function seqOf(text: string): bigint | undefined {
  const digits = text.trim().replaceAll(",", "");
  return /^\d{1,18}$/.test(digits) ? BigInt(digits) : undefined;
}

interface SeqFieldProps {
  label: string;
  help: string;
  value: string;
  onChange: (value: string) => void;
  errors?: readonly string[];
}

export function SeqField({ label, help, value, onChange, errors }: SeqFieldProps) {
  return (
    <Field label={label} help={help} errors={errors}>
      {(control) => (
        <Input
          {...control}
          inputMode="numeric"
          autoComplete="off"
          maxLength={24}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** Two fields of entries: what they say, and why that is no range. Empty is 0, which stands for the whole. */
export function useSeqRange(): {
  from: string;
  to: string;
  setFrom: (text: string) => void;
  setTo: (text: string) => void;
  range: readonly [bigint, bigint];
  reason: string | undefined;
} {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const first = from.trim() ? seqOf(from) : 0n;
  const last = to.trim() ? seqOf(to) : 0n;
  const reason =
    first === undefined || last === undefined
      ? "An entry is a whole number."
      : last !== 0n && first > last
        ? "The first entry comes after the last one."
        : undefined;
  return { from, to, setFrom, setTo, range: [first ?? 0n, last ?? 0n], reason };
}
