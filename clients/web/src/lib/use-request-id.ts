import { useRef } from "react";

/**
 * The `request_id` of what a person is about to send. The same content keeps its id, so that a double click or a repeat
 * after a cut is one call to the server; changed content gets another. Call `renew` after a success.
 */
export function useRequestId(content: unknown): { id: string; renew: () => void } {
  const key = JSON.stringify(content, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  const kept = useRef({ key: "", id: "" });
  if (kept.current.key !== key || !kept.current.id) kept.current = { key, id: crypto.randomUUID() };
  return {
    id: kept.current.id,
    renew: () => {
      kept.current = { key: "", id: "" };
    },
  };
}
