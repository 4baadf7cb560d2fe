import { CloudOff, Pause, Radio, RefreshCw } from "lucide-react";
import { useLiveState } from "~/api/live";
import type { StreamStatus } from "~/api/stream";
import { cn } from "~/lib/cn";
import { Tooltip } from "~/ui/tooltip";

const LOOKS: Record<
  Exclude<StreamStatus, "idle">,
  { word: string; why: string; icon: typeof Radio; classes: string }
> = {
  connecting: {
    word: "Connecting",
    why: "The stream of changes is being opened.",
    icon: RefreshCw,
    classes: "text-muted",
  },
  live: { word: "Live", why: "Changes appear here as they happen.", icon: Radio, classes: "text-succeeded" },
  reconnecting: {
    word: "Reconnecting",
    why: "The connection was cut. What you see may be out of date; it goes on where it stopped.",
    icon: CloudOff,
    classes: "text-waiting",
  },
  paused: { word: "Paused", why: "This tab is hidden.", icon: Pause, classes: "text-muted" },
  ended: { word: "Up to date", why: "Nothing more will change here.", icon: Radio, classes: "text-muted" },
  failed: {
    word: "Not live",
    why: "Changes are not shown as they happen. Reload the page to try again.",
    icon: CloudOff,
    classes: "text-failed",
  },
};

/** Whether the page hears of changes. */
export function ConnectionState() {
  const { status, resynced } = useLiveState();
  // A page that follows nothing: there is nothing to say.
  if (status === "idle") return null;
  const { word, why, icon: Icon, classes } = LOOKS[status];
  const text = resynced ? "Read anew: too much had happened since the connection was cut." : why;
  return (
    <Tooltip text={text}>
      <span
        role="status"
        data-live={status}
        className={cn("inline-flex items-center gap-1 text-sm whitespace-nowrap", classes)}
      >
        <Icon aria-hidden className="size-3.5" />
        <span className={cn((status === "live" || status === "ended") && "hidden sm:inline")}>{word}</span>
      </span>
    </Tooltip>
  );
}
