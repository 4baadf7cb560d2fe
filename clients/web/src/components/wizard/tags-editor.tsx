import { Plus, Trash2 } from "lucide-react";
import type { FieldProblem } from "~/api/errors";
import { focusWithin } from "~/components/schema-form/context";
import { type Tag, tagField } from "~/lib/request-form";
import { Button, IconButton } from "~/ui/button";
import { Input } from "~/ui/field";
import { Words } from "~/ui/words";

export interface TagsEditorProps {
  tags: readonly Tag[];
  onChange: (tags: Tag[]) => void;
  /** Keys that policies ask for and that are not there yet. */
  missing: readonly string[];
  /** Those to show: paths as in the call, `request.tags[owner]`. */
  problems: readonly FieldProblem[];
  /** What no tags at all means. */
  note?: string | undefined;
}

/** Tags of the deployment. What a policy asks for stands here as a row to fill in. */
export function TagsEditor({ tags, onChange, missing, problems, note }: TagsEditorProps) {
  const rows: (Tag & { isWanted: boolean })[] = [
    ...tags.map((tag) => ({ ...tag, isWanted: tag.id.startsWith("wanted-") })),
    // The row keeps its identity when it becomes a tag, so that the keyboard stays in it.
    ...missing.map((key) => ({ id: `wanted-${key}`, key, value: "", isWanted: true })),
  ];
  const general = problems.filter(({ field }) => field === "request.tags");
  const edit = (id: string, part: Partial<Tag>) => {
    if (tags.some((tag) => tag.id === id)) {
      onChange(tags.map((tag) => (tag.id === id ? { ...tag, ...part } : tag)));
      return;
    }
    const wanted = rows.find((row) => row.id === id);
    if (wanted) onChange([...tags, { id, key: wanted.key, value: "", ...part }]);
  };
  const add = () => {
    const id = crypto.randomUUID();
    onChange([...tags, { id, key: "", value: "" }]);
    focusWithin(`row-${id}`);
  };
  const remove = (id: string, index: number) => {
    onChange(tags.filter((tag) => tag.id !== id));
    const neighbour = rows[index + 1] ?? rows[index - 1];
    focusWithin(neighbour ? `row-${neighbour.id}` : "add-tag");
  };
  return (
    <fieldset id="field-tags" tabIndex={-1} className="flex min-w-0 flex-col gap-2">
      <legend className="mb-1 font-medium">Tags</legend>
      <p className="text-muted text-sm">
        Carried by the deployment. Keys begin with a lower-case letter and hold a-z, 0-9, _ and -. {note}
      </p>
      <Messages id="field-tags-errors" messages={general.map(({ message }) => message)} />
      {rows.length > 0 && (
        <ol className="flex flex-col gap-2">
          {rows.map(({ id, key, value, isWanted }, index) => {
            const messages = problems.filter(({ field }) => field === tagField(key)).map(({ message }) => message);
            const described = messages.length > 0 ? `tag-${id}-errors` : undefined;
            return (
              <li key={id} id={`row-${id}`}>
                <div className="flex items-center gap-1">
                  {isWanted ? (
                    <label
                      htmlFor={`tag-${key}`}
                      className="w-2/5 max-w-56 min-w-0 shrink-0 truncate px-2.5 font-mono text-sm"
                      title={`${key} is required`}
                    >
                      {key} <span className="font-sans text-muted">required</span>
                    </label>
                  ) : (
                    <Input
                      aria-label={`Key of tag ${index + 1}`}
                      aria-invalid={messages.length > 0 || undefined}
                      aria-describedby={described}
                      className="w-2/5 max-w-56 shrink-0 font-mono text-sm"
                      placeholder="Key"
                      autoComplete="off"
                      spellCheck={false}
                      value={key}
                      onChange={(event) => edit(id, { key: event.target.value })}
                    />
                  )}
                  <Input
                    id={`tag-${key}`}
                    aria-label={isWanted ? undefined : `Value of ${key || `tag ${index + 1}`}`}
                    aria-invalid={messages.length > 0 || undefined}
                    aria-describedby={described}
                    aria-required={isWanted || undefined}
                    className="min-w-0 flex-1"
                    placeholder="Value"
                    dir="auto"
                    autoComplete="off"
                    value={value}
                    onChange={(event) => edit(id, { value: event.target.value })}
                  />
                  {isWanted ? (
                    <span className="w-7 shrink-0" />
                  ) : (
                    <IconButton label={`Remove tag ${key || index + 1}`} onClick={() => remove(id, index)}>
                      <Trash2 />
                    </IconButton>
                  )}
                </div>
                <Messages id={`tag-${id}-errors`} messages={messages} />
              </li>
            );
          })}
        </ol>
      )}
      <div>
        <Button id="add-tag" size="sm" icon={<Plus aria-hidden className="size-3.5" />} onClick={add}>
          Add tag
        </Button>
      </div>
    </fieldset>
  );
}

function Messages({ id, messages }: { id: string; messages: string[] }) {
  if (messages.length === 0) return null;
  return (
    <ul id={id} className="mt-1 flex flex-col gap-0.5 text-failed text-sm">
      {messages.map((message) => (
        <li key={message}>
          <Words text={message} />
        </li>
      ))}
    </ul>
  );
}
