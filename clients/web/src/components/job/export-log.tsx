import { FileDown } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { problemOf } from "~/api/errors";
import { exportLog } from "~/api/log-export";
import { useChecks } from "~/components/access/use-checks";
import type { Job } from "~/gen/flagstone/v1/job_service_pb";
import { formatNumber } from "~/lib/format";
import { idOf } from "~/lib/names";
import { saveFile } from "~/lib/save-file";
import { Button } from "~/ui/button";

const READ = "business_unit:job_logs:read";

/** Saves the log for programs: a line of JSON for each line, with its time, step and level. */
export function ExportLog({ job }: { job: Job }) {
  const [isBusy, setIsBusy] = useState(false);
  const [said, setSaid] = useState({ words: "", wrong: false });
  const abort = useRef<AbortController | undefined>(undefined);
  const reason = useChecks([{ permission: READ, object: job.name }]).reason(READ, job.name);
  useEffect(() => () => abort.current?.abort(), []);

  const run = async () => {
    abort.current = new AbortController();
    const { signal } = abort.current;
    setIsBusy(true);
    setSaid({ words: "", wrong: false });
    try {
      const { content, lines, complete, isSame } = await exportLog(job.name, signal);
      if (isSame) saveFile(content, `job-${idOf(job.name)}.ndjson`);
      const end = complete ? "" : " The job still runs: there will be more.";
      const words = isSame
        ? `Exported ${formatNumber(lines)} ${lines === 1n ? "line" : "lines"}.${end}`
        : "Not exported: what arrived is not what was sent. Try again.";
      setSaid({ words, wrong: !isSame });
    } catch (error) {
      if (!signal.aborted) setSaid({ words: `Not exported. ${problemOf(error).message}`, wrong: true });
    }
    if (!signal.aborted) setIsBusy(false);
  };
  return (
    <>
      <span role="status" className={said.wrong ? "text-failed text-sm" : "text-muted text-sm"}>
        {said.words}
      </span>
      <Button
        icon={<FileDown aria-hidden className="size-4" />}
        reason={reason}
        busy={isBusy && "Exporting"}
        onClick={() => void run()}
      >
        Export log
      </Button>
    </>
  );
}
