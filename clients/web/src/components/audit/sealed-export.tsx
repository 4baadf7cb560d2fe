// Sealed entries as a file with everything that proves them.

import { useEffect, useRef, useState } from "react";
import { useChecks } from "~/components/access/use-checks";
import { ErrorNotice } from "~/components/error-notice";
import { Notice } from "~/components/notice";
import { Section } from "~/components/page";
import { type AuditExportEnd, AuditExportFormat } from "~/gen/flagstone/v1/audit_service_pb";
import { fileTime, save } from "~/lib/download";
import { formatBytes, formatNumber } from "~/lib/format";
import { ExportCut, exportSealed } from "~/lib/sealed-export";
import { Button } from "~/ui/button";
import { Field, Select } from "~/ui/field";
import { SeqField, useSeqRange } from "./seq-range";

const EXPORT = "platform:audit:export";

export function SealedExport({ size }: { size: bigint }) {
  const { from, to, setFrom, setTo, range, reason } = useSeqRange();
  const [format, setFormat] = useState(AuditExportFormat.NDJSON);
  const [bytes, setBytes] = useState<number>();
  const [end, setEnd] = useState<AuditExportEnd>();
  const [error, setError] = useState<unknown>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const denied = useChecks([{ permission: EXPORT, object: "" }]).reason(EXPORT, "");
  const start = async () => {
    const abort = new AbortController();
    running.current = abort;
    setError(undefined);
    setEnd(undefined);
    setBytes(0);
    try {
      const [fromSeq, toSeq] = range;
      const found = await exportSealed({ format, fromSeq, toSeq, onProgress: setBytes, signal: abort.signal });
      save(found.file, `flagstone-audit-sealed-${fileTime()}.${format === AuditExportFormat.CSV ? "csv" : "ndjson"}`);
      setEnd(found.end);
    } catch (failure) {
      if (!abort.signal.aborted) setError(failure);
    } finally {
      if (running.current === abort) setBytes(undefined);
    }
  };
  const isRunning = bytes !== undefined;
  return (
    <Section title="Export sealed entries">
      <p className="text-muted">
        All {formatNumber(size)} entries or some of them, with leaf hashes, proofs and the signed head: a file that can
        be checked offline.
      </p>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!reason && !denied && !isRunning) void start();
        }}
      >
        <div className="grid gap-3 sm:grid-cols-3">
          <SeqField label="First entry" help="Empty: from the beginning." value={from} onChange={setFrom} />
          <SeqField label="Last entry" help="Empty: to the end." value={to} onChange={setTo} />
          <Field label="Form" help="Both can be checked.">
            {(control) => (
              <Select {...control} value={format} onChange={(event) => setFormat(Number(event.target.value))}>
                <option value={AuditExportFormat.NDJSON}>NDJSON</option>
                <option value={AuditExportFormat.CSV}>CSV</option>
              </Select>
            )}
          </Field>
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <Button type="submit" reason={denied ?? reason} busy={isRunning && "Exporting"}>
            Export sealed entries
          </Button>
          {isRunning && (
            <>
              <Button
                onClick={() => {
                  running.current?.abort();
                  setBytes(undefined);
                }}
              >
                Cancel export
              </Button>
              <output className="text-muted tabular-nums">{formatBytes(bytes)} received</output>
            </>
          )}
        </div>
      </form>
      {error instanceof ExportCut ? (
        <Notice kind="failure" title="The export stopped; nothing was saved">
          {error.message}
        </Notice>
      ) : (
        error !== undefined && <ErrorNotice error={error} title="The export stopped; nothing was saved" />
      )}
      {end && (
        <Notice kind="success" title="The file is saved">
          <p>
            {end.sha256
              ? "Its SHA-256 is what the server sent: "
              : "It was put together from parts; flagstone-verify checks the whole."}
            {end.sha256 && <code className="break-all text-sm">{end.sha256}</code>}
          </p>
        </Notice>
      )}
    </Section>
  );
}
