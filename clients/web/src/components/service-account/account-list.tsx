// What a list of service accounts shows of each, and what it can be filtered by.

import type { Column } from "~/components/list/data-table";
import { RelativeTime } from "~/components/relative-time";
import { ResourceName } from "~/components/resource-name";
import { ActivityBadge } from "~/components/state-badge";
import { type ServiceAccount, ServiceAccountKind } from "~/gen/flagstone/v1/service_account_service_pb";
import type { FilterFields } from "~/lib/filter";

const KINDS: Partial<Record<ServiceAccountKind, { word: string; about: string }>> = {
  [ServiceAccountKind.MACHINE]: { word: "Machine", about: "A machine or a script." },
  [ServiceAccountKind.CI]: {
    word: "CI",
    about: "Jobs of a CI provider, which exchange the provider’s token for a short one of this account.",
  },
  [ServiceAccountKind.AGENT]: {
    word: "Agent",
    about: "A program that decides by itself. What it asks for with a high risk always needs a person.",
  },
};

export function kindWord(kind: ServiceAccountKind): string {
  return KINDS[kind]?.word ?? "Unknown";
}

/** Every kind that can be chosen. */
export const KIND_CHOICES = Object.entries(KINDS).map(([kind, look]) => ({ kind: Number(kind), ...look }));

export const ACCOUNT_FIELDS = {
  q: { kind: "search", label: "Description", field: "description" },
  kind: {
    kind: "choice",
    label: "Kind",
    field: "kind",
    options: KIND_CHOICES.map(({ kind, word }) => ({ value: ServiceAccountKind[kind] ?? "", label: word })),
  },
  active: {
    kind: "choice",
    label: "Activity",
    field: "active",
    options: [
      { value: "true", label: "Active" },
      { value: "false", label: "Inactive" },
    ],
  },
} as const satisfies FilterFields;

export const ACCOUNT_COLUMNS: readonly Column<ServiceAccount>[] = [
  { id: "name", header: "Name", width: "24%", cell: ({ name }) => <ResourceName name={name} /> },
  { id: "kind", header: "Kind", width: "92px", cell: ({ kind }) => kindWord(kind) },
  {
    id: "description",
    header: "Description",
    from: "md",
    cell: ({ description }) => (
      <span title={description} dir="auto">
        {description}
      </span>
    ),
  },
  { id: "active", header: "Activity", width: "104px", cell: ({ active }) => <ActivityBadge active={active} /> },
  {
    id: "used",
    header: "Last used",
    width: "116px",
    from: "md",
    cell: ({ lastUseTime }) => <RelativeTime time={lastUseTime} />,
  },
  {
    id: "created",
    header: "Created",
    width: "116px",
    from: "lg",
    cell: ({ createTime }) => <RelativeTime time={createTime} />,
  },
];

export const compactAccount = ({ name, kind, active, lastUseTime }: ServiceAccount) => ({
  first: (
    <>
      <ResourceName name={name} />
      <ActivityBadge active={active} />
    </>
  ),
  second: (
    <>
      <span>{kindWord(kind)}</span>
      <span>
        used <RelativeTime time={lastUseTime} absent="never" />
      </span>
    </>
  ),
});
