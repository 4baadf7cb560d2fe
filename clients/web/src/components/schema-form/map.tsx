// Maps: entries with a key that people choose.

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Plus, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { isObject } from "~/lib/json-diff";
import { schemaFor } from "~/lib/schema";
import { emptyOf, kindOf } from "~/lib/schema-fields";
import { Button, IconButton } from "~/ui/button";
import { Input } from "~/ui/field";
import { controlId, focusWithin, messagesAt, problemsWithin, useForm } from "./context";
import { Control, isSingle } from "./control";
import { Group, inSentence, Messages, Node, type NodeProps } from "./node";

interface Entry {
  id: number;
  key: string;
  value: JsonValue;
}

export function MapField(props: NodeProps) {
  const { schema, path, value, title, problems } = props;
  const { root, idPrefix, change, reportUnread } = useForm();
  const id = controlId(idPrefix, path);
  const members = isObject(value) ? value : undefined;
  const next = useRef(0);
  const [entries, setEntries] = useState<readonly Entry[]>(() => entriesOf(members, [], next));
  // What is typed stays as it is; only another value from outside replaces it.
  const isOwn = JSON.stringify(membersOf(entries)) === JSON.stringify(members ?? {});
  const shown = isOwn ? entries : entriesOf(members, entries, next);
  const of = isObject(schema.additionalProperties) ? schemaFor(root, schema.additionalProperties, undefined) : {};
  const most = typeof schema.maxProperties === "number" ? schema.maxProperties : Number.POSITIVE_INFINITY;

  const faults = shown.map((entry, index) => faultOf(entry, shown.slice(0, index)));
  const fault = faults.find((message) => message !== undefined);
  const reported = useRef({ path, reportUnread });
  reported.current = { path, reportUnread };
  useEffect(() => {
    reported.current.reportUnread(reported.current.path, fault);
  }, [fault]);
  useEffect(() => () => reported.current.reportUnread(reported.current.path, undefined), []);

  const set = (changed: readonly Entry[]) => {
    setEntries(changed);
    change(path, membersOf(changed));
  };
  const rowId = (index: number) => `${id}-entry-${index}`;
  const add = () => {
    set([...shown, { id: next.current++, key: "", value: emptyOf(root, of) }]);
    focusWithin(rowId(shown.length));
  };
  const remove = (index: number) => {
    set(shown.filter((_, position) => position !== index));
    focusWithin(shown.length > 1 ? `${rowId(Math.min(index, shown.length - 2))}-remove` : `${id}-add`);
  };
  const edit = (index: number, part: Partial<Entry>) =>
    set(shown.map((entry, position) => (position === index ? { ...entry, ...part } : entry)));
  const single = isSingle(kindOf(root, of));
  return (
    <Group {...props}>
      {shown.length > 0 && (
        <ol className="flex flex-col gap-2">
          {shown.map((entry, index) => {
            const here = [...path, entry.key];
            const own = entry.key === "" ? [] : problemsWithin(problems, here);
            const message = faults[index];
            const messages = message ? [message] : messagesAt(own, here);
            const described = messages.length > 0 ? `${rowId(index)}-errors` : undefined;
            const name = entry.key && !message ? entry.key : `entry ${index + 1}`;
            return (
              <li key={entry.id} id={rowId(index)}>
                <div className="flex flex-wrap items-start gap-1 sm:flex-nowrap">
                  <Input
                    aria-label={`Key of ${title} ${index + 1}`}
                    aria-invalid={message !== undefined || undefined}
                    aria-describedby={described}
                    className="min-w-0 flex-1 basis-32 font-mono text-sm sm:max-w-56"
                    placeholder="Key"
                    autoComplete="off"
                    spellCheck={false}
                    value={entry.key}
                    onChange={(event) => edit(index, { key: event.target.value })}
                  />
                  {single && (
                    <div className="order-last w-full min-w-0 sm:order-none sm:w-auto sm:flex-1">
                      <Control
                        control={{
                          id: entry.key && !message ? controlId(idPrefix, here) : `${rowId(index)}-value`,
                          "aria-label": `Value of ${name}`,
                          "aria-invalid": messages.length > 0 || undefined,
                          "aria-describedby": described,
                        }}
                        schema={of}
                        value={entry.value}
                        required
                        onChange={(changed) => edit(index, { value: changed ?? "" })}
                      />
                    </div>
                  )}
                  <IconButton id={`${rowId(index)}-remove`} label={`Remove ${name}`} onClick={() => remove(index)}>
                    <Trash2 />
                  </IconButton>
                </div>
                <Messages id={`${rowId(index)}-errors`} messages={messages} />
                {!single && entry.key !== "" && !message && (
                  <div className="mt-2 flex flex-col gap-4 border-line-strong border-l-2 pl-4">
                    <Node schema={of} path={here} value={entry.value} problems={own} title={name} required isItem />
                  </div>
                )}
              </li>
            );
          })}
        </ol>
      )}
      <div>
        <Button
          id={`${id}-add`}
          size="sm"
          icon={<Plus aria-hidden className="size-3.5" />}
          reason={shown.length >= most && `At most ${most} are possible.`}
          onClick={add}
        >
          Add to {inSentence(title)}
        </Button>
      </div>
    </Group>
  );
}

/** The entries of a value; those that were there keep their place. */
function entriesOf(members: JsonObject | undefined, known: readonly Entry[], next: { current: number }): Entry[] {
  const found = Object.entries(members ?? {});
  const places = new Map(known.map(({ key, id }, place) => [key, { id, place }]));
  return found
    .map(([key, value]) => ({ id: places.get(key)?.id ?? next.current++, key, value }))
    .sort((a, b) => (places.get(a.key)?.place ?? known.length) - (places.get(b.key)?.place ?? known.length));
}

/** The entries as a value, without those that cannot be in it. */
function membersOf(entries: readonly Entry[]): JsonObject {
  const good = entries.filter((entry, index) => entry.key !== "" && !faultOf(entry, entries.slice(0, index)));
  return Object.fromEntries(good.map(({ key, value }) => [key, value]));
}

function faultOf({ key, value }: Entry, earlier: readonly Entry[]): string | undefined {
  if (key === "") return value === "" ? undefined : "Give the entry a key.";
  if (earlier.some((other) => other.key === key)) return `The key ${key} is there twice. Give each key once.`;
  return undefined;
}
