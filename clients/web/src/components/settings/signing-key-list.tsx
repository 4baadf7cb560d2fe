import { CopyButton } from "~/components/copy-button";
import type { Column } from "~/components/list/data-table";
import { DataTable } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import type { SigningKey } from "~/gen/flagstone/v1/workload_identity_service_pb";
import { cn } from "~/lib/cn";
import { idOf } from "~/lib/names";
import { type KeyState, keyStates } from "~/lib/signing-keys";
import { useNow } from "~/lib/use-now";

const STATES: Record<KeyState, readonly [string, string]> = {
  waiting: ["Waits to sign", "bg-waiting-soft text-waiting"],
  signing: ["Signs", "bg-succeeded-soft text-succeeded"],
  verifying: ["Only verifies", "bg-running-soft text-running"],
  retired: ["Retired", "bg-sunken text-muted"],
};

function State({ state }: { state: KeyState }) {
  const [word, classes] = STATES[state];
  return (
    <span
      className={cn("inline-flex h-5 items-center rounded-sm px-1.5 font-medium text-sm whitespace-nowrap", classes)}
    >
      {word}
    </span>
  );
}

interface Row {
  signingKey: SigningKey;
  state: KeyState;
}

const id = ({ signingKey: { name, publicJwk } }: Row) => (
  <span className="inline-flex max-w-full items-center gap-1">
    <code className="truncate" title={name}>
      {idOf(name)}
    </code>
    {publicJwk && <CopyButton text={JSON.stringify(publicJwk)} label={`Copy the public key ${idOf(name)}`} />}
  </span>
);

const COLUMNS: readonly Column<Row>[] = [
  { id: "id", header: "Key id", cell: id },
  { id: "state", header: "State", width: "124px", cell: ({ state }) => <State state={state} /> },
  {
    id: "algorithm",
    header: "Algorithm",
    width: "96px",
    from: "md",
    cell: ({ signingKey }) => signingKey.algorithm,
  },
  {
    id: "signs",
    header: "Signs from",
    width: "132px",
    cell: ({ signingKey }) => <RelativeTime time={signingKey.activateTime} />,
  },
  {
    id: "ends",
    header: "Counts until",
    width: "132px",
    cell: ({ signingKey }) => <RelativeTime time={signingKey.retireTime} absent="The next one" />,
  },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "lg",
    cell: ({ signingKey }) => <RelativeTime time={signingKey.createTime} />,
  },
];

const compact = (row: Row) => ({
  first: (
    <>
      {id(row)}
      <State state={row.state} />
    </>
  ),
  second: (
    <>
      <span>
        from <RelativeTime time={row.signingKey.activateTime} />
      </span>
      <span>
        until <RelativeTime time={row.signingKey.retireTime} absent="the next one" />
      </span>
    </>
  ),
});

/** The keys with what each does now, the newest first. */
export function SigningKeyList({ keys }: { keys: readonly SigningKey[] }) {
  const now = useNow(10_000);
  const states = keyStates(keys, now);
  const rows = keys.map((signingKey, index) => ({ signingKey, state: states[index] ?? "retired" }));
  return (
    <DataTable
      label="Signing keys"
      rows={rows}
      columns={COLUMNS}
      compact={compact}
      rowKey={({ signingKey }) => signingKey.name}
      keys={false}
    />
  );
}
