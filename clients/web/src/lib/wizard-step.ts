// The steps of a wizard. On their own, since routes read them from the address, and the code of routes is loaded first.

export type Step = "configure" | "review";

export function readStep(search: Record<string, unknown>): { step?: Step } {
  return search.step === "review" ? { step: "review" } : {};
}
