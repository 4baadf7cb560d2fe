// What a person has typed into a form, kept over a reload of the page until it is sent.

import type { JsonObject } from "@bufbuild/protobuf";
import { useCallback, useEffect, useRef, useState } from "react";
import { isObject } from "./json-diff";
import type { RequestForm } from "./request-form";
import { type Schema, withoutSecrets } from "./schema";

interface Kept {
  /** Who typed it: on the same tab, nobody else gets it. */
  user: string;
  form: RequestForm;
}

const KEY = "flagstone.form.";

function read(key: string, user: string, initial: RequestForm): RequestForm | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY + key) ?? "null") as Kept | null;
    if (kept?.user !== user || !isObject(kept.form?.inputs) || !Array.isArray(kept.form.tags)) return undefined;
    return { ...initial, ...kept.form };
  } catch {
    // Of another release, or altered: as if there were none.
    return undefined;
  }
}

export interface FormDraft {
  form: RequestForm;
  change: (part: Partial<RequestForm>) => void;
  /** Sent: what is kept is forgotten. */
  forget: () => void;
  /** Back to the beginning. */
  reset: () => void;
  /** What is shown was typed before the page was opened. */
  isRestored: boolean;
  isChanged: boolean;
}

/**
 * A form that begins as `initial` and survives a reload. It is kept in the session storage, which belongs to this tab and
 * ends with it, and without the secret inputs: storage is readable to every script of the origin and lies on the disk.
 * Everything else in a form is shown to whoever may read the request anyway.
 */
export function useFormDraft(key: string, user: string, initial: RequestForm, schema: Schema | undefined): FormDraft {
  const [begun] = useState(() => ({ initial, restored: read(key, user, initial) }));
  const [form, setForm] = useState(begun.restored ?? begun.initial);
  const [isRestored, setIsRestored] = useState(begun.restored !== undefined);
  const isOver = useRef(false);
  const isChanged = form !== begun.initial;

  useEffect(() => {
    // Without its schema nobody knows what is secret.
    if (!isChanged || isOver.current || !schema) return;
    const timer = setTimeout(() => {
      const inputs = withoutSecrets(schema, schema, form.inputs);
      const kept: Kept = { user, form: { ...form, inputs: isObject(inputs) ? inputs : ({} as JsonObject) } };
      try {
        sessionStorage.setItem(KEY + key, JSON.stringify(kept));
      } catch {
        // Full or switched off: the form works without.
      }
    }, 250);
    return () => clearTimeout(timer);
  }, [key, user, form, schema, isChanged]);

  const change = useCallback((part: Partial<RequestForm>) => setForm((before) => ({ ...before, ...part })), []);
  const forget = useCallback(() => {
    isOver.current = true;
    sessionStorage.removeItem(KEY + key);
  }, [key]);
  const reset = useCallback(() => {
    sessionStorage.removeItem(KEY + key);
    setForm(begun.initial);
    setIsRestored(false);
  }, [key, begun]);
  return { form, change, forget, reset, isRestored, isChanged };
}
