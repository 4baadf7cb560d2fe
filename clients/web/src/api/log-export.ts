// The export of a log: a file as the server writes it, taken chunk by chunk.

import { createClient } from "@connectrpc/connect";
import { JobLogFormat, JobService } from "~/gen/flagstone/v1/job_service_pb";
import { transport } from "./client";

const client = createClient(JobService, transport);

/** Streams that end without an end are opened again with their last cursor, this often in a row. */
const CUTS = 5;

export interface ExportedLog {
  content: Blob;
  /** Number of the last line. */
  lines: bigint;
  /** False where the job goes on: there will be more. */
  complete: boolean;
  /** Whether the bytes that came are those that the server sent. */
  isSame: boolean;
}

/** The log of a job as NDJSON, one object for each line. */
export async function exportLog(name: string, signal: AbortSignal): Promise<ExportedLog> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let cursor = "";
  for (let cuts = 0; ; cuts++) {
    let got = false;
    try {
      for await (const { event } of client.exportJobLogs({ name, format: JobLogFormat.NDJSON, cursor }, { signal })) {
        if (event.case === "chunk") {
          got = true;
          parts.push(new Uint8Array(event.value.data));
          cursor = event.value.cursor;
        } else if (event.case === "end" && event.value.sha256) {
          const content = new Blob(parts, { type: "application/x-ndjson" });
          const { lastSeq: lines, complete, sha256 } = event.value;
          return { content, lines, complete, isSame: (await sha256Of(content)) === sha256 };
        }
      }
    } catch (error) {
      // What is refused is refused again; what was under way when it was cut is resumed.
      if (signal.aborted || !got) throw error;
    }
    if (got) cuts = 0;
    if (cuts >= CUTS) throw new Error("The export was cut again and again. Try it later.");
  }
}

async function sha256Of(content: Blob): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await content.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
