import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button } from "~/ui/button";

export interface SecretOnceProps {
  /** What it is, for screen readers: "API token". */
  label: string;
  value: string;
  /** What becomes of it: "It is shown this once." */
  note: string;
}

/** A secret that the server tells only now. It lives in this view and nowhere else. */
export function SecretOnce({ label, value, note }: SecretOnceProps) {
  const [copied, setCopied] = useState(false);
  return (
    <div className="flex flex-col gap-2 rounded-md border border-line-strong bg-surface p-3">
      <div className="flex flex-wrap items-start gap-2">
        <output
          aria-label={label}
          className="min-w-0 flex-1 basis-60 select-all break-all rounded-sm bg-canvas px-2 py-1.5 font-mono text-sm"
        >
          {value}
        </output>
        <Button
          icon={copied ? <Check aria-hidden className="size-4" /> : <Copy aria-hidden className="size-4" />}
          onClick={() => void navigator.clipboard.writeText(value).then(() => setCopied(true))}
        >
          {copied ? "Copied" : `Copy ${label}`}
        </Button>
      </div>
      <p className="text-muted text-sm">{note}</p>
    </div>
  );
}
