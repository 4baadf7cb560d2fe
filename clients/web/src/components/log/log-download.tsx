import { Download, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { problemOf } from "~/api/errors";
import { readWholeLog } from "~/api/job-log";
import { count, formatNumber } from "~/lib/format";
import { idOf } from "~/lib/names";
import { saveFile } from "~/lib/save-file";
import { IconButton } from "~/ui/button";

type Progress =
  | { kind: "none" }
  | { kind: "reading"; lines: number; all: number }
  | { kind: "done"; words: string; wrong: boolean };

/** Saves the whole log as a file, and says whether it is the log that the runner wrote. */
export function LogDownload({ job }: { job: string }) {
  const [state, setState] = useState<Progress>({ kind: "none" });
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => abort.current?.abort(), []);

  const download = async () => {
    abort.current = new AbortController();
    const { signal } = abort.current;
    setState({ kind: "reading", lines: 0, all: 0 });
    try {
      const { content, lines, complete, sha256 } = await readWholeLog(
        job,
        (read, all) => setState({ kind: "reading", lines: read, all }),
        signal,
      );
      const isSame = complete && (await sha256Of(content)) === sha256;
      if (signal.aborted) return;
      saveFile(content, `job-${idOf(job)}.log`);
      setState({ kind: "done", words: verdict(lines, complete, isSame), wrong: complete && !isSame });
    } catch (error) {
      if (!signal.aborted)
        setState({ kind: "done", words: `Not downloaded. ${problemOf(error).message}`, wrong: true });
    }
  };
  const cancel = () => {
    abort.current?.abort();
    setState({ kind: "none" });
  };
  const percent = state.kind === "reading" && state.all > 0 ? Math.floor((state.lines / state.all) * 100) : 0;
  return (
    <span className="inline-flex items-center gap-1">
      <span
        role="status"
        className={state.kind === "done" && state.wrong ? "text-failed text-sm" : "text-muted text-sm"}
      >
        {state.kind === "reading" && (
          <span className="tabular-nums" title={`${formatNumber(state.lines)} of ${count(state.all, "line")}`}>
            Downloading, {percent} %
          </span>
        )}
        {state.kind === "done" && state.words}
      </span>
      {state.kind === "reading" ? (
        <IconButton label="Stop the download" onClick={cancel}>
          <X />
        </IconButton>
      ) : (
        <IconButton label="Download the log" onClick={() => void download()}>
          <Download />
        </IconButton>
      )}
    </span>
  );
}

function verdict(lines: number, complete: boolean, isSame: boolean): string {
  const read = `Downloaded ${count(lines, "line")}`;
  if (!complete) return `${read}. The job still runs: there will be more.`;
  return isSame ? `${read}. The SHA-256 matches.` : `${read}. The SHA-256 does not match: download it again.`;
}

async function sha256Of(content: Blob): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await content.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
