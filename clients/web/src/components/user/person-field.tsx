import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData, skipToken } from "@tanstack/react-query";
import { UserRound } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { UserService } from "~/gen/flagstone/v1/user_service_pb";
import { useMe } from "~/lib/me";
import { Button } from "~/ui/button";
import { Field, Input } from "~/ui/field";

/** Somebody who was picked. */
export interface Person {
  /** `users/{user}`. */
  name: string;
  displayName: string;
  email: string;
}

export interface PersonFieldProps {
  label: string;
  value: Person | undefined;
  onChange: (person: Person | undefined) => void;
  errors?: readonly string[];
  help?: string;
  required?: boolean;
}

/** People pause longer than this between words. */
const PAUSE = 250;

/** Picks a colleague: by a part of the name, the username or the address. */
export function PersonField({ label, value, onChange, errors, help, required }: PersonFieldProps) {
  const me = useMe();
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  // What was pressed goes away with the press: the keyboard goes on at what takes its place.
  const wasPressed = useRef(false);
  const takeOver = useCallback((element: HTMLElement | null) => {
    if (!element || !wasPressed.current) return;
    wasPressed.current = false;
    element.focus();
  }, []);
  const pick = (person: Person | undefined) => {
    wasPressed.current = true;
    onChange(person);
  };
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  const { data, error } = useQuery(UserService.method.lookupUsers, asked ? { query: asked } : skipToken, {
    placeholderData: keepPreviousData,
  });
  // The server leaves out whoever asks.
  const self: Person | undefined = me && { name: me.name, displayName: me.fullName, email: me.email };
  const isSelf = (person: Person) =>
    `${person.displayName} ${person.email}`.toLowerCase().includes(asked.toLowerCase());
  const found: Person[] = asked ? [...(data?.users ?? []), ...(self && isSelf(self) ? [self] : [])] : [];

  if (value) {
    return (
      <Field label={label} help={help} required={required} errors={errors}>
        {({ id, "aria-describedby": described }) => (
          <div className="flex items-center gap-2">
            <span className="min-w-0 flex-1 truncate" dir="auto">
              {value.displayName} <span className="text-muted">{value.email}</span>
            </span>
            <Button ref={takeOver} id={id} aria-describedby={described} size="sm" onClick={() => pick(undefined)}>
              Pick somebody else
            </Button>
          </div>
        )}
      </Field>
    );
  }
  return (
    <div className="flex flex-col gap-1">
      <Field
        label={label}
        help={help ?? "A part of the name, the username or the e-mail address."}
        required={required}
        errors={errors}
      >
        {(control) => (
          <Input
            {...control}
            ref={takeOver}
            type="search"
            dir="auto"
            autoComplete="off"
            spellCheck={false}
            maxLength={100}
            value={text}
            onChange={(event) => setText(event.target.value)}
            // What is picked is pressed: the form is not sent from here.
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              if (found[0] && asked === text.trim()) pick(found[0]);
            }}
          />
        )}
      </Field>
      <output className="text-muted text-sm" aria-label={`Found for ${label.toLowerCase()}`}>
        {error
          ? "People could not be looked up. Try again in a moment."
          : asked && data && found.length === 0 && "Nobody active matches."}
      </output>
      {found.length > 0 && (
        <ul aria-label={`People for ${label.toLowerCase()}`} className="rounded-md border border-line">
          {found.map((person) => (
            <li key={person.name}>
              <button
                type="button"
                onClick={() => pick(person)}
                className="flex h-9 w-full items-center gap-2 px-2 text-left hover:bg-hover"
              >
                <UserRound aria-hidden className="size-4 shrink-0 text-muted" />
                <span className="min-w-0 flex-1 truncate" dir="auto">
                  {person.displayName} <span className="text-muted">{person.email}</span>
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
