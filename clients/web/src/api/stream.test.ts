import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test, vi } from "vitest";
import { StreamEndReason } from "~/gen/flagstone/v1/stream_pb";
import { follow, type Heard, type StreamStatus } from "./stream";

const { refresh } = vi.hoisted(() => ({ refresh: vi.fn(() => Promise.resolve()) }));
vi.mock("./client", () => ({ session: { refresh } }));

interface Message extends Heard {
  text?: string;
}

/** Plays one list of messages for each time the stream is opened; an error is thrown where it stands. */
async function play(...parts: (Message | ConnectError)[][]) {
  const opened: string[] = [];
  const heard: string[] = [];
  const statuses: StreamStatus[] = [];
  const resync = vi.fn();
  const abort = new AbortController();
  await follow<Message>(
    {
      async *open(cursor) {
        opened.push(cursor);
        const part = parts[opened.length - 1];
        if (!part) return abort.abort();
        for (const message of part) {
          if (message instanceof ConnectError) throw message;
          yield message;
        }
      },
      hear: (message) => {
        if (message.text) heard.push(message.text);
        return message;
      },
      resync,
      status: (status) => statuses.push(status),
    },
    abort.signal,
  );
  return { opened, heard, statuses, resync };
}

const end = (reason: StreamEndReason, lastCursor = ""): Message => ({ end: { reason, lastCursor } });

describe("following a stream", () => {
  test("ends when it is complete", async () => {
    const { opened, heard, statuses } = await play([
      { text: "a", cursor: "1" },
      { text: "b", cursor: "2" },
      end(StreamEndReason.COMPLETE),
    ]);
    expect(opened).toEqual([""]);
    expect(heard).toEqual(["a", "b"]);
    expect(statuses.at(-1)).toBe("ended");
  });

  test("goes on where it was cut, without gap or repetition", async () => {
    const { opened, heard } = await play(
      [{ text: "a", cursor: "1" }, new ConnectError("cut", Code.Unavailable)],
      [{ text: "b", cursor: "2" }],
      [{ text: "c", cursor: "3" }, end(StreamEndReason.SHUTDOWN, "4")],
      [end(StreamEndReason.COMPLETE)],
    );
    expect(opened).toEqual(["", "1", "2", "4"]);
    expect(heard).toEqual(["a", "b", "c"]);
  });

  test("begins anew where the cursor is too old", async () => {
    const { opened, resync } = await play(
      [{ cursor: "1" }, end(StreamEndReason.RESYNC_REQUIRED)],
      [end(StreamEndReason.COMPLETE)],
    );
    expect(opened).toEqual(["", ""]);
    expect(resync).toHaveBeenCalledOnce();
  });

  test("renews the credential and goes on", async () => {
    const { opened } = await play(
      [{ cursor: "1" }, end(StreamEndReason.CREDENTIAL_EXPIRED, "1")],
      [end(StreamEndReason.COMPLETE)],
    );
    expect(refresh).toHaveBeenCalled();
    expect(opened).toEqual(["", "1"]);
  });

  test("stops where trying again changes nothing", async () => {
    const { opened, statuses } = await play([new ConnectError("no", Code.PermissionDenied)]);
    expect(opened).toHaveLength(1);
    expect(statuses.at(-1)).toBe("failed");
  });
});
