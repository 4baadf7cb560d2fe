import { KeyRound } from "lucide-react";
import { count } from "~/lib/format";

/** What happens to secrets that nobody is shown: the server takes inputs whole or not at all. */
export function KeptSecrets({ count: number, isKept }: { count: number; isKept: boolean }) {
  return (
    <div role="note" className="flex items-start gap-2 rounded-md border border-line bg-surface px-3 py-2">
      <KeyRound aria-hidden className="mt-0.5 size-4 shrink-0 text-muted" />
      <p>
        {isKept
          ? `${count(number, "secret")} of the inputs ${number === 1 ? "is" : "are"} kept as long as you change no input.`
          : `Inputs are sent whole. Type ${count(number, "secret")} again: Flagstone shows them to nobody.`}
      </p>
    </div>
  );
}
