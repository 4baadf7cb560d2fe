// One field of a schema, whatever its kind, and all fields of an object.

import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Plus, Trash2 } from "lucide-react";
import { memo, type ReactNode, useCallback, useMemo, useState } from "react";
import type { FieldProblem } from "~/api/errors";
import { isObject } from "~/lib/json-diff";
import { defaultOf, type Path, propertiesFor, type Schema, schemaFor, unknownMembers } from "~/lib/schema";
import { emptyOf, kindOf, titleOf, variantsOf } from "~/lib/schema-fields";
import { validateInputs } from "~/lib/schema-validate";
import { Button, IconButton } from "~/ui/button";
import { Field, Select } from "~/ui/field";
import { Words } from "~/ui/words";
import { controlId, focusWithin, messagesAt, problemsWithin, useForm } from "./context";
import { Control } from "./control";
import { useHelp } from "./help";
import { Choices, ListField } from "./list";
import { MapField } from "./map";

export interface NodeProps {
  schema: Schema;
  path: Path;
  value: JsonValue | undefined;
  /** Those at this path and below it. */
  problems: readonly FieldProblem[];
  /** What people call it. */
  title: string;
  required: boolean;
  /** It is a member of something that itself can be removed: an emptied text stays a text. */
  isItem?: boolean;
}

/** All fields of an object. */
export function MemberFields({
  schema,
  path,
  value,
  problems,
}: {
  schema: Schema;
  path: Path;
  value: JsonObject;
  problems: readonly FieldProblem[];
}) {
  const { root } = useForm();
  const properties = useMemo(() => propertiesFor(root, schema, value), [root, schema, value]);
  const unknown = useMemo(() => unknownMembers(root, schema, value), [root, schema, value]);
  return (
    <>
      {properties.map(({ name, schema: property, required }) => (
        <Member
          key={name}
          parent={path}
          name={name}
          schema={property}
          required={required}
          value={value[name]}
          problems={problemsWithin(problems, [...path, name])}
        />
      ))}
      {unknown.map((name) => (
        <UnknownMember key={name} parent={path} name={name} value={value[name]} />
      ))}
    </>
  );
}

interface MemberProps {
  parent: Path;
  name: string;
  schema: Schema;
  required: boolean;
  value: JsonValue | undefined;
  problems: readonly FieldProblem[];
}

/** Redrawn only when something about it changed: a form of 200 fields stays quick. */
const Member = memo(
  function Member({ parent, name, schema, required, value, problems }: MemberProps) {
    const path = useMemo(() => [...parent, name], [parent, name]);
    return (
      <Node
        schema={schema}
        path={path}
        value={value}
        problems={problems}
        title={titleOf(schema, name)}
        required={required}
      />
    );
  },
  (before, after) =>
    before.parent === after.parent &&
    before.schema === after.schema &&
    before.required === after.required &&
    before.value === after.value &&
    sameProblems(before.problems, after.problems),
);

function sameProblems(a: readonly FieldProblem[], b: readonly FieldProblem[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ field, message }, index) => field === b[index]?.field && message === b[index]?.message)
  );
}

/** A field with its label, help and errors. */
export function Node(props: NodeProps) {
  const { root } = useForm();
  const schema = useMemo(() => schemaFor(root, props.schema, props.value), [root, props.schema, props.value]);
  const kind = kindOf(root, schema);
  switch (kind) {
    case "object":
      return <ObjectField {...props} schema={schema} />;
    case "variants":
      return <VariantsField {...props} schema={schema} />;
    case "list":
      return <ListField {...props} schema={schema} />;
    case "choices":
      return <Choices {...props} schema={schema} />;
    case "map":
      return <MapField {...props} schema={schema} />;
    case "switch":
      return <SwitchField {...props} schema={schema} />;
    default:
      return <SingleField {...props} schema={schema} isSecret={kind === "secret"} />;
  }
}

function useEdit({ schema, path, required, isItem }: NodeProps) {
  const { change } = useForm();
  return useCallback(
    (next: JsonValue | undefined) => {
      const isNullable = Array.isArray(schema.type) && schema.type.includes("null");
      change(path, next ?? (required && isNullable ? null : isItem ? "" : undefined));
    },
    [change, path, required, isItem, schema.type],
  );
}

function SingleField({ isSecret, ...props }: NodeProps & { isSecret: boolean }) {
  const { schema, path, value, problems, title, required } = props;
  const { idPrefix, reportUnread } = useForm();
  const edit = useEdit(props);
  const onUnread = useCallback((message: string | undefined) => reportUnread(path, message), [reportUnread, path]);
  const help = useHelp(schema, isSecret ? undefined : value);
  return (
    <Field
      id={controlId(idPrefix, path)}
      label={<span dir="auto">{title}</span>}
      required={required}
      help={isSecret ? <>{help} A secret: it is stored sealed and shown to nobody once it is sent.</> : help}
      errors={messagesAt(problems, path)}
    >
      {(control) => (
        <Control
          control={control}
          schema={schema}
          value={value}
          required={required}
          onChange={edit}
          onUnread={onUnread}
        />
      )}
    </Field>
  );
}

function SwitchField(props: NodeProps) {
  const { schema, path, value, problems, title, required } = props;
  const { idPrefix } = useForm();
  const edit = useEdit(props);
  const help = useHelp(schema, value);
  const errors = messagesAt(problems, path);
  const id = controlId(idPrefix, path);
  const described = [help ? `${id}-help` : "", errors.length > 0 ? `${id}-errors` : ""].filter(Boolean).join(" ");
  return (
    <div className="grid grid-cols-[16px_minmax(0,1fr)] gap-x-2 gap-y-0.5">
      <span className="flex h-5 items-center">
        <Control
          control={{ id, "aria-describedby": described || undefined, "aria-invalid": errors.length > 0 || undefined }}
          schema={schema}
          value={value}
          required={required}
          onChange={edit}
        />
      </span>
      <label htmlFor={id} className="font-medium" dir="auto">
        {title}
      </label>
      {help && (
        <div id={`${id}-help`} className="col-start-2 text-muted text-sm">
          {help}
        </div>
      )}
      <Messages id={`${id}-errors`} messages={errors} className="col-start-2" />
    </div>
  );
}

/** What is wrong with a group of fields. */
export function Messages({ id, messages, className }: { id: string; messages: string[]; className?: string }) {
  if (messages.length === 0) return null;
  return (
    <ul id={id} className={`flex flex-col gap-0.5 text-failed text-sm ${className ?? ""}`}>
      {messages.map((message) => (
        <li key={message}>
          <Words text={message} />
        </li>
      ))}
    </ul>
  );
}

export interface GroupProps extends NodeProps {
  /** Beside the title. */
  actions?: ReactNode;
  children?: ReactNode;
}

/** Several controls under one title, with help and errors. */
export function Group({ schema, path, value, problems, title, required, actions, children }: GroupProps) {
  const { idPrefix } = useForm();
  const id = controlId(idPrefix, path);
  const help = useHelp(schema, value);
  const messages = messagesAt(problems, path);
  return (
    <fieldset
      id={id}
      tabIndex={-1}
      aria-describedby={
        [help && `${id}-help`, messages.length > 0 && `${id}-errors`].filter(Boolean).join(" ") || undefined
      }
      className="flex min-w-0 flex-col gap-2 outline-offset-4"
    >
      <legend className="sr-only">{required ? `${title}, required` : title}</legend>
      <div className="flex min-h-7 items-start justify-between gap-2">
        <div className="min-w-0">
          <p className="font-medium" aria-hidden dir="auto">
            {title}
            {required && <span className="ml-1 font-normal text-muted text-sm">required</span>}
          </p>
          {help && (
            <div id={`${id}-help`} className="text-muted text-sm">
              {help}
            </div>
          )}
        </div>
        {actions}
      </div>
      <Messages id={`${id}-errors`} messages={messages} />
      {children}
    </fieldset>
  );
}

/** `CORS rules` stays, `Website` becomes `website`: for the middle of a sentence. */
export function inSentence(title: string): string {
  return /^.[A-Z0-9]/.test(title) ? title : title.charAt(0).toLowerCase() + title.slice(1);
}

function ObjectField(props: NodeProps) {
  const { schema, path, value, problems, title, required, isItem } = props;
  const { root, idPrefix, change } = useForm();
  const id = controlId(idPrefix, path);
  const given = defaultOf(root, schema);
  if (isItem) {
    return <MemberFields schema={schema} path={path} value={isObject(value) ? value : {}} problems={problems} />;
  }
  const canBeAbsent = !required && given === undefined;
  if (canBeAbsent && value === undefined) {
    const add = () => {
      change(path, emptyOf(root, schema));
      focusWithin(`${id}-members`);
    };
    return (
      <Group
        {...props}
        actions={
          <Button size="sm" icon={<Plus aria-hidden className="size-3.5" />} onClick={add}>
            Add {inSentence(title)}
          </Button>
        }
      />
    );
  }
  const remove = () => {
    change(path, undefined);
    focusWithin(id);
  };
  return (
    <Group
      {...props}
      actions={
        canBeAbsent && (
          <IconButton label={`Remove ${inSentence(title)}`} onClick={remove}>
            <Trash2 />
          </IconButton>
        )
      }
    >
      <div id={`${id}-members`} className="flex flex-col gap-4 border-line-strong border-l-2 pl-4">
        <MemberFields schema={schema} path={path} value={isObject(value) ? value : {}} problems={problems} />
      </div>
    </Group>
  );
}

/** One of several forms: which one is chosen first. */
function VariantsField(props: NodeProps) {
  const { schema, path, value, title, problems } = props;
  const { root, change, idPrefix } = useForm();
  const variants = variantsOf(root, schema) ?? [];
  const fits = variants.findIndex((variant) => value !== undefined && isFitting(root, variant.schema, value));
  const [chosen, setChosen] = useState<number>();
  const index = chosen ?? (fits >= 0 ? fits : value === undefined ? -1 : 0);
  const variant = variants[index];
  const id = controlId(idPrefix, path);
  return (
    <Group {...props}>
      <Field label={`Form of ${inSentence(title)}`} id={`${id}-form`}>
        {(control) => (
          <Select
            {...control}
            value={index}
            onChange={(event) => {
              const next = Number(event.target.value);
              const form = variants[next];
              setChosen(form ? next : undefined);
              change(path, form && emptyOf(root, form.schema));
            }}
          >
            <option value={-1}>Not set</option>
            {variants.map(({ label }, position) => (
              <option key={label} value={position}>
                {label}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {variant && (
        <div className="flex flex-col gap-4 border-line-strong border-l-2 pl-4">
          <Node
            schema={variant.schema}
            path={path}
            value={value}
            problems={problems.filter(({ message }) => messagesAt(problems, path).indexOf(message) < 0)}
            title={variant.label}
            required
            isItem
          />
        </div>
      )}
    </Group>
  );
}

function isFitting(root: Schema, schema: Schema, value: JsonValue): boolean {
  return validateInputs(root.$defs ? { ...schema, $defs: root.$defs } : schema, value).length === 0;
}

/** A value that this version of the template does not know: it has to go. */
function UnknownMember({ parent, name, value }: { parent: Path; name: string; value: JsonValue | undefined }) {
  const { change, idPrefix } = useForm();
  const path = [...parent, name];
  return (
    <div id={controlId(idPrefix, path)} className="flex items-start justify-between gap-2" tabIndex={-1}>
      <div className="min-w-0">
        <p className="font-medium">
          <code>{name}</code>
        </p>
        <p className="text-muted text-sm">
          <code className="break-all">{JSON.stringify(value)?.slice(0, 200)}</code>
        </p>
        <p className="text-failed text-sm">This version of the template has no such input.</p>
      </div>
      <Button size="sm" onClick={() => change(path, undefined)}>
        Remove {name}
      </Button>
    </div>
  );
}
