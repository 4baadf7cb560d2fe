import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { serverNow } from "~/api/clock";
import { exactTime, millis } from "~/lib/format";

const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
const thisYear = new Intl.DateTimeFormat(undefined, { month: "short", day: "2-digit", ...clock });
const otherYear = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "2-digit", ...clock });

/** When, to the second, where the order of things matters more than how long ago they were. UTC on hover. */
export function ExactTime({ time }: { time: Timestamp | undefined }) {
  const at = millis(time);
  if (at === undefined) return null;
  const isThisYear = new Date(at).getFullYear() === new Date(serverNow()).getFullYear();
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} className="whitespace-nowrap">
      {(isThisYear ? thisYear : otherYear).format(at)}
    </time>
  );
}
