// Server streams that survive cuts: opened again with the last cursor, closed while the tab is hidden.

import { Code, ConnectError } from "@connectrpc/connect";
import { StreamEndReason } from "~/gen/flagstone/v1/stream_pb";
import { session } from "./client";
import { problemOf } from "./errors";

/** How a stream is doing; `idle` where there is none. */
export type StreamStatus = "idle" | "connecting" | "live" | "reconnecting" | "paused" | "ended" | "failed";

/** The last message of a stream, as every service sends it. */
interface End {
  reason: StreamEndReason;
  lastCursor: string;
}

/** What a message of some stream is to the loop that reads it. */
export interface Heard {
  cursor?: string | undefined;
  end?: End | undefined;
}

export interface Following<Message> {
  /** Opens the stream at a cursor; empty begins anew. */
  open: (cursor: string, signal: AbortSignal) => AsyncIterable<Message>;
  /** Takes a message, and says where it leaves the stream. */
  hear: (message: Message) => Heard;
  /** The cursor is too old, or the stream begins anew for another reason: read the object again. */
  resync?: () => void;
  status?: (status: StreamStatus, error?: unknown) => void;
  /** A tail keeps its place while the tab is hidden, but needs no stream. Default true. */
  pauseHidden?: boolean;
}

const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5_000;

/** Heartbeats come every 15 seconds: silence longer than this is a cut that nobody noticed. */
const SILENCE = 40_000;

/** Follows a stream until `signal` aborts or nothing more can come. Never throws. */
export async function follow<Message>(following: Following<Message>, signal: AbortSignal): Promise<void> {
  let cursor = "";
  let failures = 0;
  const tell = (status: StreamStatus, error?: unknown) => {
    if (!signal.aborted) following.status?.(status, error);
  };
  while (!signal.aborted) {
    if (following.pauseHidden !== false && document.hidden) {
      tell("paused");
      await untilShown(signal);
      continue;
    }
    tell(failures === 0 ? "connecting" : "reconnecting");
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    const hide = () => document.hidden && following.pauseHidden !== false && attempt.abort();
    signal.addEventListener("abort", stop);
    document.addEventListener("visibilitychange", hide);
    let silence = setTimeout(stop, SILENCE);
    let end: End | undefined;
    let failure: unknown;
    try {
      for await (const message of following.open(cursor, attempt.signal)) {
        clearTimeout(silence);
        silence = setTimeout(stop, SILENCE);
        if (signal.aborted) return;
        const heard = following.hear(message);
        if (heard.cursor) cursor = heard.cursor;
        end = heard.end;
        failures = 0;
        if (!end) tell("live");
      }
    } catch (error) {
      failure = error;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
      document.removeEventListener("visibilitychange", hide);
    }
    if (signal.aborted) return;
    if (end?.reason === StreamEndReason.COMPLETE) return tell("ended");
    if (end?.reason === StreamEndReason.RESYNC_REQUIRED || isTooOld(failure)) {
      cursor = "";
      following.resync?.();
    } else if (end?.reason === StreamEndReason.ERROR || isFinal(failure)) {
      return tell("failed", failure);
    } else if (end?.lastCursor) {
      cursor = end.lastCursor;
    }
    const expired = end?.reason === StreamEndReason.CREDENTIAL_EXPIRED || codeOf(failure) === Code.Unauthenticated;
    // The next call gets a fresh token, or waits until the person has logged in again.
    if (expired) await session.refresh().catch(() => undefined);
    if (document.hidden && following.pauseHidden !== false) continue;
    failures += 1;
    tell("reconnecting", failure);
    const pause = end && !expired ? FIRST_PAUSE : Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE);
    await wait(pause * (0.75 + Math.random() / 2), signal);
  }
}

function codeOf(error: unknown): Code | undefined {
  return error === undefined ? undefined : ConnectError.from(error).code;
}

function isTooOld(error: unknown): boolean {
  return codeOf(error) === Code.OutOfRange;
}

/** Errors that trying again does not change. */
function isFinal(error: unknown): boolean {
  if (error === undefined) return false;
  const { code } = problemOf(error);
  return [Code.PermissionDenied, Code.NotFound, Code.InvalidArgument, Code.Unimplemented].includes(code);
}

function untilShown(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** Waits, or less long when the network comes back. */
function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
