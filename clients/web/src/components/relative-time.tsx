import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { exactTime, millis, relativeTime } from "~/lib/format";
import { useNow } from "~/lib/use-now";

/** When, relative to the server's now, with the exact time on hover. */
export function RelativeTime({ time, absent = "Never" }: { time: Timestamp | undefined; absent?: string }) {
  const now = useNow(10_000);
  const at = millis(time);
  if (at === undefined) return <span className="text-muted">{absent}</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} className="whitespace-nowrap">
      {relativeTime(at, now)}
    </time>
  );
}
