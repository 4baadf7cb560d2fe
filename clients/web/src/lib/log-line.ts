// A line of a job's log as it is shown. The server keeps bytes; people read text.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type JobLogLine, LogLevel, LogStream } from "~/gen/flagstone/v1/job_service_pb";

export interface LogLine {
  /** Number in the job, from 1 without gap. */
  seq: number;
  /** Milliseconds since the epoch. */
  time: number;
  /** Empty for the mark that stands where lines were dropped. */
  step: string;
  attempt: number;
  level: LogLevel;
  stream: LogStream;
  /** Without its ending; escape sequences are still in it. */
  text: string;
  /** The line was longer: it goes on with the next number. */
  continued: boolean;
  /** A progress bar drew the next line over this one. */
  redrawn: boolean;
  /** Stands where lines were dropped for size. */
  isGap: boolean;
}

const LF = 10;
const CR = 13;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How much of a line's bytes is text, and whether the line was drawn over. */
export function splitEnding(data: Uint8Array): { length: number; redrawn: boolean } {
  const last = data.at(-1);
  if (last === CR) return { length: data.length - 1, redrawn: true };
  if (last !== LF) return { length: data.length, redrawn: false };
  return { length: data.at(-2) === CR ? data.length - 2 : data.length - 1, redrawn: false };
}

// Escape stays for the colours, tab for the columns; anything else that does not print is shown as its picture.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNPRINTABLE = /[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f]/g;

/** Bytes as text: what is no UTF-8 becomes a replacement mark, and what does not print becomes visible. */
export function textOf(data: Uint8Array): string {
  const text = decoder.decode(data);
  return text.replace(UNPRINTABLE, (mark) => {
    const code = mark.charCodeAt(0);
    return String.fromCharCode(code === 0x7f ? 0x2421 : 0x2400 + code);
  });
}

export function readLine(line: JobLogLine): LogLine {
  const { length, redrawn } = splitEnding(line.data);
  return {
    seq: Number(line.seq),
    time: line.time ? timestampMs(line.time) : 0,
    step: line.step,
    attempt: line.attempt,
    level: line.level,
    stream: line.stream,
    text: textOf(line.data.subarray(0, length)),
    continued: line.continued,
    redrawn,
    isGap: line.stream === LogStream.SYSTEM && line.step === "" && line.level === LogLevel.WARNING,
  };
}
