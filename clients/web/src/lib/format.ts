// Times, durations, numbers and words as people read them.

import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 1_000],
  ["minute", 60_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
];

/** `2 min. ago`, `in 3 hr.`; a date where that is more than a week away. */
export function relativeTime(milliseconds: number, now: number): string {
  const difference = milliseconds - now;
  const size = Math.abs(difference);
  if (size < 5_000) return "just now";
  if (size > 7 * 86_400_000) return short.format(milliseconds);
  const index = UNITS.findLastIndex(([, unit]) => size >= unit);
  const [unit, length] = UNITS[Math.max(index, 0)] ?? ["second", 1_000];
  return relative.format(Math.round(difference / length), unit);
}

/** In the browser's zone, with UTC beside it. */
export function exactTime(milliseconds: number): string {
  const utc = new Date(milliseconds).toISOString().replace("T", " ").slice(0, 19);
  return `${exact.format(milliseconds)} (${utc} UTC)`;
}

/** Milliseconds of a timestamp; `undefined` where there is none. */
export function millis(time: Timestamp | undefined): number | undefined {
  return time && timestampMs(time);
}

/** `412 ms`, `4.2 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatMillis(milliseconds: number): string {
  const value = Math.max(0, milliseconds);
  if (value < 1_000) return `${Math.round(value)} ms`;
  if (value < 60_000) return `${(value / 1_000).toFixed(value < 10_000 && value % 1_000 !== 0 ? 1 : 0)} s`;
  const minutes = Math.floor(value / 60_000);
  const seconds = Math.floor((value % 60_000) / 1_000);
  if (minutes < 60) return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A protobuf duration in the same form. */
export function formatDuration(duration: Duration): string {
  return formatMillis(durationMs(duration));
}

const numbers = new Intl.NumberFormat("en");

/** `12,408`. */
export function formatNumber(value: number | bigint): string {
  return numbers.format(value);
}

/** `12 KiB`, `3.4 MiB`. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1 resource`, `4 resources`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${formatNumber(number)} ${number === 1 ? singular : plural}`;
}

/** `PENDING_APPROVAL` as `Pending approval`. */
export function sentence(word: string): string {
  const text = word.toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The first letters of a digest, enough for people to tell two apart. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}
