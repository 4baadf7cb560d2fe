import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { exactTime, millis } from "~/lib/format";

const toTheSecond = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** When, to the second, where the order of things matters more than how long ago they were. UTC on hover. */
export function ExactTime({ time }: { time: Timestamp | undefined }) {
  const at = millis(time);
  if (at === undefined) return null;
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} className="whitespace-nowrap">
      {toTheSecond.format(at)}
    </time>
  );
}
