// The sealed export of the audit: a file that `flagstone-verify` checks without the server.

import { createClient } from "@connectrpc/connect";
import { transport } from "~/api/client";
import { type AuditExportEnd, AuditExportFormat, AuditService } from "~/gen/flagstone/v1/audit_service_pb";
import { StreamEndReason } from "~/gen/flagstone/v1/stream_pb";
import { hex } from "./merkle";

export interface SealedExport {
  format: AuditExportFormat;
  /** 0 begins with the first entry, and ends with the last one. */
  fromSeq: bigint;
  toSeq: bigint;
  /** Told after each part how many bytes there are so far. */
  onProgress: (bytes: number) => void;
  signal: AbortSignal;
}

export interface SealedFile {
  file: Blob;
  end: AuditExportEnd;
}

/** The stream ended, and the file is not whole. */
export class ExportCut extends Error {}

/** A part that says nothing for so long: the stream was cut, and nobody noticed. The server sends one every 15 seconds. */
const SILENCE = 40_000;
/** So often in a row a cut stream is opened again without anything new coming. */
const TRIES = 5;

const client = createClient(AuditService, transport);

/** Reads the stream to its end, and opens it again with the last cursor where it is cut. */
export async function exportSealed({ format, fromSeq, toSeq, onProgress, signal }: SealedExport): Promise<SealedFile> {
  const parts: BlobPart[] = [];
  let bytes = 0;
  let cursor = "";
  let failures = 0;
  while (failures < TRIES) {
    let end: AuditExportEnd | undefined;
    let failure: unknown;
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop);
    let silence = setTimeout(stop, SILENCE);
    try {
      for await (const { event } of client.exportAuditEvents(
        { format, fromSeq, toSeq, cursor },
        { signal: attempt.signal },
      )) {
        clearTimeout(silence);
        silence = setTimeout(stop, SILENCE);
        if (event.case === "end") end = event.value;
        if (event.case !== "chunk") continue;
        const { data } = event.value;
        parts.push(new Uint8Array(data));
        bytes += data.length;
        cursor = event.value.cursor;
        failures = 0;
        onProgress(bytes);
      }
    } catch (error) {
      failure = error;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
    }
    signal.throwIfAborted();
    const reason = end?.end?.reason;
    if (end && reason === StreamEndReason.COMPLETE) {
      const file = new Blob(parts, { type: format === AuditExportFormat.CSV ? "text/csv" : "application/x-ndjson" });
      await checkDigest(file, end.sha256);
      return { file, end };
    }
    if (reason === StreamEndReason.ERROR || reason === StreamEndReason.RESYNC_REQUIRED) {
      throw new ExportCut(end?.end?.status?.message || "The server could not finish the export.");
    }
    // Nothing came yet: what is wrong is wrong with the question.
    if (failure !== undefined && cursor === "") throw failure;
    failures += 1;
    if (failures === TRIES) throw failure ?? new ExportCut("The export was cut again and again. Try it later.");
    await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** failures));
  }
  throw new ExportCut("The export was cut again and again. Try it later.");
}

/** What arrived must be what was sent; where the stream was resumed the server gives no digest of the whole. */
async function checkDigest(file: Blob, expected: string): Promise<void> {
  if (!expected) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  if (hex(digest) !== expected.toLowerCase()) throw new ExportCut("What arrived is not what was sent. Try it again.");
}
