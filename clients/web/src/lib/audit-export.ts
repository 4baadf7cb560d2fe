// The shown audit events as a file, put together from the pages of the list.

import { toJson } from "@bufbuild/protobuf";
import { durationMs, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { transport } from "~/api/client";
import {
  type AuditEvent,
  AuditEventSchema,
  AuditOrigin,
  AuditOutcome,
  AuditService,
} from "~/gen/flagstone/v1/audit_service_pb";
import { EffectsSchema } from "~/gen/flagstone/v1/effects_pb";
import { csvLine } from "./csv";
import { allOf, quoted } from "./filter";

export type ExportFormat = "csv" | "json";

/** A time as the server compares it: to the microsecond, as it is stored. */
export function preciseTime(time: Timestamp): string {
  const seconds = timestampDate({ ...time, nanos: 0 })
    .toISOString()
    .slice(0, 19);
  return `${seconds}.${String(Math.floor(time.nanos / 1_000)).padStart(6, "0")}Z`;
}

const COLUMNS: readonly (readonly [string, (event: AuditEvent) => string])[] = [
  ["time", ({ time }) => (time ? preciseTime(time) : "")],
  ["principal", ({ principal }) => principal],
  ["action", ({ action }) => action],
  ["object", ({ object }) => object],
  ["object_type", ({ objectType }) => objectType],
  ["business_unit", ({ businessUnit }) => businessUnit],
  ["outcome", ({ outcome }) => AuditOutcome[outcome] ?? ""],
  ["origin", ({ origin }) => AuditOrigin[origin] ?? ""],
  ["ip", ({ ip }) => ip],
  ["user_agent", ({ userAgent }) => userAgent],
  ["correlation_id", ({ correlationId }) => correlationId],
  ["duration_ms", ({ duration }) => (duration ? `${durationMs(duration)}` : "")],
  ["name", ({ name }) => name],
  ["details", ({ details }) => (details && Object.keys(details).length > 0 ? JSON.stringify(details) : "")],
  ["effects", ({ effects }) => (effects ? JSON.stringify(toJson(EffectsSchema, effects)) : "")],
];

/** The file of some pages of events; `first` and `last` say whether the file begins and ends with them. */
export function exportText(format: ExportFormat, events: readonly AuditEvent[], first: boolean, last: boolean): string {
  if (format === "csv") {
    const head = first ? csvLine(COLUMNS.map(([name]) => name)) : "";
    return head + events.map((event) => csvLine(COLUMNS.map(([, text]) => text(event)))).join("");
  }
  const rows = events.map((event) => JSON.stringify(toJson(AuditEventSchema, event)));
  return `${first ? "[\n" : rows.length > 0 ? ",\n" : ""}${rows.join(",\n")}${last ? "\n]\n" : ""}`;
}

export interface ExportOptions {
  format: ExportFormat;
  filter: string;
  orderBy: string;
  /** No event after this one: what happens meanwhile is not in the shown set. */
  until: Timestamp | undefined;
  /** Told after each page how many events there are so far. */
  onProgress: (events: number) => void;
  signal: AbortSignal;
}

const client = createClient(AuditService, transport);

/** Reads every page and gives the file. */
export async function exportAudit({
  format,
  filter,
  orderBy,
  until,
  onProgress,
  signal,
}: ExportOptions): Promise<Blob> {
  const parts: string[] = [];
  let pageToken = "";
  let events = 0;
  do {
    const page = await client.listAuditEvents(
      {
        pageSize: 200,
        pageToken,
        orderBy,
        filter: allOf(filter, until && `time <= ${quoted(preciseTime(until))}`),
      },
      { signal },
    );
    pageToken = page.nextPageToken;
    parts.push(exportText(format, page.auditEvents, events === 0, pageToken === ""));
    events += page.auditEvents.length;
    onProgress(events);
  } while (pageToken);
  return new Blob(parts, { type: format === "csv" ? "text/csv" : "application/json" });
}
