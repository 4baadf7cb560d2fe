import type { JsonValue } from "@bufbuild/protobuf";
import type { ReactNode } from "react";
import { defaultOf, type Schema } from "~/lib/schema";
import { descriptionOf, limitsOf } from "~/lib/schema-fields";
import { Words } from "~/ui/words";
import { useForm } from "./context";

/** What to say about a field below its label, or nothing. */
export function useHelp(schema: Schema, value: JsonValue | undefined): ReactNode | undefined {
  const { root } = useForm();
  const description = descriptionOf(schema);
  // Many authors write the limits into the description: not twice.
  const numbers = new Set((description ?? "").replaceAll(/(?<=\d),(?=\d)/g, "").match(/\d+/g) ?? []);
  const limits = limitsOf(schema).filter((limit) => {
    const own = limit.replaceAll(",", "").match(/\d+/g) ?? [];
    return own.length === 0 || !own.every((number) => numbers.has(number));
  });
  const given = defaultOf(root, schema);
  const isOwn =
    value !== undefined && typeof given !== "object" && given !== "" && given !== undefined && value !== given;
  if (isOwn && typeof given !== "boolean") limits.push(`Default ${String(given)}`);
  if (!description && limits.length === 0) return undefined;
  return (
    <span dir="auto">
      {description && <Words text={description} />}
      {description && limits.length > 0 && " "}
      {limits.length > 0 && `${limits.join(". ")}.`}
    </span>
  );
}
