// Lists: items that can be added, moved and removed, by keyboard too; and lists of which each option is there or not.

import type { JsonValue } from "@bufbuild/protobuf";
import { ChevronDown, ChevronUp, Plus, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import type { Schema } from "~/lib/schema";
import { emptyOf, itemsOf, kindOf, optionsOf } from "~/lib/schema-fields";
import { Button, IconButton } from "~/ui/button";
import { Checkbox } from "~/ui/field";
import { controlId, focusWithin, messagesAt, problemsWithin, useForm } from "./context";
import { Control, isSingle } from "./control";
import { Group, inSentence, Messages, Node, type NodeProps } from "./node";

export function ListField(props: NodeProps) {
  const { schema, path, value, title, problems } = props;
  const { root, idPrefix, change } = useForm();
  const id = controlId(idPrefix, path);
  const of = itemsOf(root, schema);
  const items = Array.isArray(value) ? value : [];
  const itemTitle = typeof of?.title === "string" ? of.title : undefined;
  const [said, setSaid] = useState("");

  // Items keep their identity when they move.
  const ids = useRef<number[]>([]);
  const next = useRef(0);
  while (ids.current.length < items.length) ids.current.push(next.current++);
  ids.current.length = items.length;

  if (!of) return null;
  const most = typeof schema.maxItems === "number" ? schema.maxItems : Number.POSITIVE_INFINITY;
  const nameOf = (index: number) => `${itemTitle ?? title} ${index + 1}`;
  const itemId = (index: number) => `${id}-item-${index}`;
  const add = () => {
    change(path, [...items, emptyOf(root, of)]);
    setSaid(`${nameOf(items.length)} added.`);
    focusWithin(itemId(items.length));
  };
  const remove = (index: number) => {
    ids.current.splice(index, 1);
    change(
      path,
      items.filter((_, position) => position !== index),
    );
    setSaid(`${nameOf(index)} removed.`);
    focusWithin(items.length > 1 ? `${itemId(Math.min(index, items.length - 2))}-remove` : `${id}-add`);
  };
  const move = (index: number, by: number) => {
    const to = index + by;
    if (to < 0 || to >= items.length) return;
    ids.current = swapped(ids.current, index, to);
    change(path, swapped(items, index, to));
    setSaid(`Moved to place ${to + 1} of ${items.length}.`);
    const edge = to === 0 ? "down" : to === items.length - 1 ? "up" : by < 0 ? "up" : "down";
    focusWithin(`${itemId(to)}-${edge}`);
  };
  return (
    <Group {...props}>
      {items.length > 0 && (
        <ol className="flex flex-col gap-2">
          {items.map((item, index) => (
            <Item
              key={ids.current[index]}
              id={itemId(index)}
              list={props}
              schema={of}
              index={index}
              count={items.length}
              value={item}
              name={nameOf(index)}
              onMove={(by) => move(index, by)}
              onRemove={() => remove(index)}
              onEnter={() => items.length < most && add()}
              problems={problemsWithin(problems, [...path, index])}
            />
          ))}
        </ol>
      )}
      <div>
        <Button
          id={`${id}-add`}
          size="sm"
          icon={<Plus aria-hidden className="size-3.5" />}
          reason={items.length >= most && `At most ${most} are possible.`}
          onClick={add}
        >
          {itemTitle ? `Add ${inSentence(itemTitle)}` : `Add to ${inSentence(title)}`}
        </Button>
      </div>
      <span role="status" className="sr-only">
        {said}
      </span>
    </Group>
  );
}

function swapped<Item>(items: readonly Item[], a: number, b: number): Item[] {
  const [low, high] = a < b ? [a, b] : [b, a];
  return [
    ...items.slice(0, low),
    ...items.slice(high, high + 1),
    ...items.slice(low + 1, high),
    ...items.slice(low, low + 1),
    ...items.slice(high + 1),
  ];
}

interface ItemProps {
  id: string;
  list: NodeProps;
  schema: Schema;
  index: number;
  count: number;
  value: JsonValue;
  name: string;
  problems: NodeProps["problems"];
  onMove: (by: number) => void;
  onRemove: () => void;
  onEnter: () => void;
}

function Item({ id, list, schema, index, count, value, name, problems, onMove, onRemove, onEnter }: ItemProps) {
  const { root, idPrefix, change } = useForm();
  const path = [...list.path, index];
  const messages = messagesAt(problems, path);
  const control = controlId(idPrefix, path);
  const buttons = (
    <span className="flex shrink-0">
      <IconButton id={`${id}-up`} label={`Move ${name} up`} disabled={index === 0} onClick={() => onMove(-1)}>
        <ChevronUp />
      </IconButton>
      <IconButton
        id={`${id}-down`}
        label={`Move ${name} down`}
        disabled={index === count - 1}
        onClick={() => onMove(1)}
      >
        <ChevronDown />
      </IconButton>
      <IconButton id={`${id}-remove`} label={`Remove ${name}`} onClick={onRemove}>
        <Trash2 />
      </IconButton>
    </span>
  );
  if (isSingle(kindOf(root, schema))) {
    return (
      <li id={id}>
        <div className="flex items-start gap-1">
          {/* biome-ignore lint/a11y/noStaticElementInteractions: Enter in the field within goes on to the next item */}
          <div
            className="min-w-0 flex-1"
            onKeyDown={(event) => {
              if (
                event.key !== "Enter" ||
                event.ctrlKey ||
                event.metaKey ||
                !(event.target instanceof HTMLInputElement)
              )
                return;
              event.preventDefault();
              onEnter();
            }}
          >
            <Control
              control={{
                id: control,
                "aria-label": name,
                "aria-invalid": messages.length > 0 || undefined,
                "aria-describedby": messages.length > 0 ? `${control}-errors` : undefined,
              }}
              schema={schema}
              value={value}
              required
              onChange={(next) => change(path, next ?? "")}
            />
          </div>
          {buttons}
        </div>
        <Messages id={`${control}-errors`} messages={messages} />
      </li>
    );
  }
  return (
    <li id={id} className="rounded-md border border-line bg-surface p-3">
      <div className="mb-2 flex items-center justify-between gap-2">
        <p className="font-medium" dir="auto">
          {name}
        </p>
        {buttons}
      </div>
      <Messages id={`${control}-errors`} messages={messages} className="mb-2" />
      <div className="flex flex-col gap-4">
        <Node schema={schema} path={path} value={value} problems={problems} title={name} required isItem />
      </div>
    </li>
  );
}

/** A list of distinct options: each is there or not. */
export function Choices(props: NodeProps) {
  const { schema, path, value, title } = props;
  const { root, idPrefix, change } = useForm();
  const id = controlId(idPrefix, path);
  const of = itemsOf(root, schema);
  const options = (of && optionsOf(of)) ?? [];
  const chosen = Array.isArray(value) ? value : [];
  const toggle = (option: JsonValue, on: boolean) =>
    // In the order of the options, so that the same choice is the same value.
    change(
      path,
      options.map((one) => one.value).filter((one) => (one === option ? on : chosen.includes(one))),
    );
  return (
    <Group {...props}>
      {/* biome-ignore lint/a11y/useSemanticElements: the fieldset around it has the help and the errors */}
      <div role="group" aria-label={title} className="flex flex-wrap gap-x-4 gap-y-1.5">
        {options.map(({ value: option, label }) => (
          <Checkbox
            key={label}
            id={`${id}-${label}`}
            label={label}
            checked={chosen.includes(option)}
            onChange={(event) => toggle(option, event.target.checked)}
          />
        ))}
      </div>
    </Group>
  );
}
