// What a list of runners shows of each, and what may be done with it.

import { CircleCheck, CircleDashed, CircleX, Hand, PauseCircle } from "lucide-react";
import { useChecks } from "~/components/access/use-checks";
import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { RiskyButton } from "~/components/risky-button";
import { Badge, type Look } from "~/components/state-badge";
import { RunnerState } from "~/gen/flagstone/v1/runner_link_service_pb";
import { type Runner, RunnerConnection, RunnerService } from "~/gen/flagstone/v1/runner_service_pb";
import { Engine } from "~/gen/flagstone/v1/template_service_pb";
import type { FilterFields } from "~/lib/filter";
import { idOf } from "~/lib/names";

export const MANAGE_RUNNERS = "platform:runners:manage";

const UNKNOWN: Look = { word: "Unknown", tone: "over", icon: CircleDashed };
const LOOKS: Partial<Record<RunnerState, Look>> = {
  [RunnerState.PENDING]: { word: "Waits for you", tone: "person", icon: Hand },
  [RunnerState.ADOPTED]: { word: "Adopted", tone: "succeeded", icon: CircleCheck },
  [RunnerState.DRAINING]: { word: "Draining", tone: "waiting", icon: PauseCircle },
  [RunnerState.REJECTED]: { word: "Rejected", tone: "failed", icon: CircleX },
};

const STATES = [RunnerState.PENDING, RunnerState.ADOPTED, RunnerState.DRAINING, RunnerState.REJECTED];

export const RUNNER_FIELDS = {
  q: { kind: "search", label: "Name", field: "display_name" },
  state: {
    kind: "choice",
    label: "State",
    field: "state",
    options: STATES.map((state) => ({ value: RunnerState[state], label: (LOOKS[state] ?? UNKNOWN).word })),
  },
} as const satisfies FilterFields;

const StateOf = ({ runner: { state } }: { runner: Runner }) => <Badge look={LOOKS[state] ?? UNKNOWN} />;

/** How many of its places are taken. */
const load = ({ runningJobs, capacity }: Runner) => `${runningJobs}/${capacity}`;

const labels = (runner: Runner) => Object.entries(runner.labels).map(([key, value]) => `${key}=${value}`);

const engines = ({ engines }: Runner) =>
  engines.map(({ engine, version }) => `${engineWord(engine)} ${version}`.trim()).join(", ");

function engineWord(engine: Engine): string {
  const word = (Engine[engine] ?? "").toLowerCase();
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function Seen({ runner: { connection, lastSeenTime } }: { runner: Runner }) {
  return connection === RunnerConnection.ONLINE ? (
    <span className="text-succeeded">Online</span>
  ) : (
    <RelativeTime time={lastSeenTime} absent="never" />
  );
}

/** What can be done in the state that it is in. */
function Actions({ runner }: { runner: Runner }) {
  const { name, state, etag, displayName } = runner;
  const reason = useChecks([{ permission: MANAGE_RUNNERS, object: "" }]).reason(MANAGE_RUNNERS, "");
  const id = idOf(name);
  const common = { size: "sm", reason, refreshes: ["runner"] } as const;
  return (
    <span className="flex justify-end gap-1">
      {state === RunnerState.PENDING && (
        <>
          <RiskyButton
            {...common}
            label={`Adopt ${id}`}
            title={`Adopt ${displayName}?`}
            description="It is given jobs from now on. Whoever runs it can read what its jobs hold, secrets included."
            action="Adopt runner"
            busy="Adopting it"
            method={RunnerService.method.adoptRunner}
            call={(ids) => ({ name, etag, ...ids })}
          >
            Adopt
          </RiskyButton>
          <RiskyButton
            {...common}
            label={`Reject ${id}`}
            title={`Reject ${displayName}?`}
            description="It is turned away within a second, and its credential opens nothing any more."
            action="Reject runner"
            busy="Rejecting it"
            method={RunnerService.method.rejectRunner}
            call={(ids) => ({ name, etag, ...ids })}
          >
            Reject
          </RiskyButton>
        </>
      )}
      {state === RunnerState.ADOPTED && (
        <RiskyButton
          {...common}
          label={`Drain ${id}`}
          title={`Drain ${displayName}?`}
          description="It finishes the jobs that it has and takes no others until it is resumed."
          action="Drain runner"
          busy="Draining it"
          method={RunnerService.method.drainRunner}
          call={(ids) => ({ name, etag, ...ids })}
        >
          Drain
        </RiskyButton>
      )}
      {state === RunnerState.DRAINING && (
        <RiskyButton
          {...common}
          label={`Resume ${id}`}
          title={`Resume ${displayName}?`}
          description="It takes jobs again."
          action="Resume runner"
          busy="Resuming it"
          method={RunnerService.method.resumeRunner}
          call={(ids) => ({ name, etag, ...ids })}
        >
          Resume
        </RiskyButton>
      )}
      {state !== RunnerState.PENDING && (
        <RiskyButton
          {...common}
          label={`Remove ${id}`}
          reason={
            runner.embedded && runner.connection === RunnerConnection.ONLINE
              ? "It is inside a server that runs. Stop that server first, or drain the runner."
              : reason
          }
          title={`Remove ${displayName}?`}
          description="Its credential opens nothing any more. One that has jobs is drained first."
          confirmText={id}
          action="Remove runner"
          busy="Removing it"
          method={RunnerService.method.deleteRunner}
          call={(ids) => ({ name, etag, ...ids })}
        >
          Remove
        </RiskyButton>
      )}
    </span>
  );
}

/** What people call it. Two may be called alike: their ids differ. */
function Name({ runner: { name, displayName } }: { runner: Runner }) {
  return (
    <span title={idOf(name)} dir="auto" className="font-medium">
      {displayName}
    </span>
  );
}

export const RUNNER_COLUMNS: readonly Column<Runner>[] = [
  { id: "name", header: "Runner", width: "18%", cell: (runner) => <Name runner={runner} /> },
  { id: "state", header: "State", width: "124px", cell: (runner) => <StateOf runner={runner} /> },
  {
    id: "labels",
    header: "Labels",
    cell: (runner) => <span title={labels(runner).join("\n")}>{labels(runner).join(", ")}</span>,
  },
  { id: "engines", header: "Engines", width: "14%", from: "lg", cell: engines },
  { id: "version", header: "Version", width: "76px", from: "lg", cell: ({ version }) => version },
  { id: "load", header: "Jobs", width: "56px", cell: load },
  { id: "seen", header: "Last seen", width: "96px", from: "md", cell: (runner) => <Seen runner={runner} /> },
  {
    id: "do",
    header: "Actions",
    width: "172px",
    align: "end",
    cell: (runner) => <Actions runner={runner} />,
  },
];

export const compactRunner = (runner: Runner) => ({
  first: (
    <>
      <Name runner={runner} />
      <Actions runner={runner} />
    </>
  ),
  second: (
    <>
      <StateOf runner={runner} />
      <span>{load(runner)} jobs</span>
      <Seen runner={runner} />
    </>
  ),
});
