// Every event that the filters show, as a file.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { Download } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { ErrorNotice } from "~/components/error-notice";
import { formatTotal } from "~/components/list/list-view";
import { type ExportFormat, exportAudit } from "~/lib/audit-export";
import { fileTime, save } from "~/lib/download";
import { formatNumber } from "~/lib/format";
import { Button } from "~/ui/button";
import { Menu, MenuItem } from "~/ui/menu";

export interface AuditExportProps {
  filter: string;
  orderBy: string;
  /** The newest event that is shown. */
  until: Timestamp | undefined;
  total: number | undefined;
}

/** The button of an export, and how far it is. */
export function useAuditExport({ filter, orderBy, until, total }: AuditExportProps) {
  const [progress, setProgress] = useState<number>();
  const [error, setError] = useState<unknown>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const start = async (format: ExportFormat) => {
    const abort = new AbortController();
    running.current = abort;
    setError(undefined);
    setProgress(0);
    try {
      const options = { format, filter, orderBy, until, onProgress: setProgress, signal: abort.signal };
      save(await exportAudit(options), `flagstone-audit-${fileTime()}.${format}`);
    } catch (failure) {
      if (!abort.signal.aborted) setError(failure);
    } finally {
      if (running.current === abort) setProgress(undefined);
    }
  };
  const cancel = () => {
    running.current?.abort();
    setProgress(undefined);
  };
  const button =
    progress === undefined ? (
      <Menu
        trigger={
          <Button size="sm" icon={<Download aria-hidden className="size-4" />}>
            Export events
          </Button>
        }
      >
        <MenuItem onSelect={() => void start("csv")}>As CSV, for a spreadsheet</MenuItem>
        <MenuItem onSelect={() => void start("json")}>As JSON, with all effects</MenuItem>
      </Menu>
    ) : (
      <>
        <output className="tabular-nums">
          {formatNumber(progress)} {total !== undefined && `of ${formatTotal(total)} `}events
        </output>
        <Button size="sm" onClick={cancel}>
          Cancel export
        </Button>
      </>
    );
  const notice = error !== undefined && <ErrorNotice error={error} title="The export stopped; nothing was saved" />;
  return { button, notice };
}
