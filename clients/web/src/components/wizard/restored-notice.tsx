import { History } from "lucide-react";
import { useState } from "react";
import { hasSecrets, type Schema } from "~/lib/schema";
import { Button } from "~/ui/button";

/** Says that the form holds what was typed earlier. */
export function RestoredNotice({ schema, onReset }: { schema: Schema; onReset: () => void }) {
  const [seen, setSeen] = useState(false);
  if (seen) return null;
  return (
    <div role="status" className="flex flex-wrap items-center gap-2 rounded-md border border-line bg-surface px-3 py-2">
      <History aria-hidden className="size-4 shrink-0 text-muted" />
      <p className="min-w-0 flex-1">
        This is what you typed here earlier. {hasSecrets(schema) && "Secrets are not kept: type them again."}
      </p>
      <Button
        size="sm"
        onClick={() => {
          onReset();
          setSeen(true);
        }}
      >
        Begin anew
      </Button>
      <Button size="sm" variant="ghost" onClick={() => setSeen(true)}>
        Hide this note
      </Button>
    </div>
  );
}
