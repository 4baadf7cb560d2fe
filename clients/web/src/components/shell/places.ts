// The places of the application, in the order of the rail. On a phone the first of the work are the bottom bar.

import {
  Bot,
  Box,
  Building,
  Building2,
  ClipboardList,
  FileKey,
  Gavel,
  House,
  KeySquare,
  Layers,
  LayoutGrid,
  ListTodo,
  type LucideIcon,
  ScrollText,
  ServerCog,
  Settings2,
  ShieldCheck,
  ShoppingBag,
  UserRound,
  UsersRound,
  Waypoints,
  Workflow,
} from "lucide-react";

export interface Destination {
  to: string;
  label: string;
  icon: LucideIcon;
  /** The second key after `g`. */
  key: string;
  /** Shown only to those who hold one of them somewhere. */
  permissions?: readonly string[];
}

export interface AdministrationPlace extends Destination {
  /** What one does there, in a sentence. */
  about: string;
}

const WORK: readonly Destination[] = [
  { to: "/", label: "Home", icon: House, key: "h" },
  { to: "/templates", label: "Order", icon: ShoppingBag, key: "o" },
  { to: "/requests", label: "Requests", icon: ClipboardList, key: "r" },
  { to: "/approvals", label: "Approvals", icon: Gavel, key: "a", permissions: ["business_unit:approvals:list"] },
  { to: "/deployments", label: "Deployments", icon: Box, key: "d" },
  {
    to: "/environments",
    label: "Environments",
    icon: Waypoints,
    key: "e",
    permissions: ["business_unit:environments:list"],
  },
  { to: "/jobs", label: "Jobs", icon: ListTodo, key: "j", permissions: ["business_unit:jobs:list"] },
];

const ADMINISTRATION: readonly AdministrationPlace[] = [
  {
    to: "/admin",
    label: "Overview",
    icon: LayoutGrid,
    key: "i",
    permissions: ["platform:users:stats", "platform:users:list"],
    about: "How many there are of what.",
  },
  {
    to: "/admin/users",
    label: "Users",
    icon: UserRound,
    key: "w",
    permissions: ["platform:users:list", "platform:invitations:manage"],
    about: "Create, invite, deactivate; roles, sessions and access of a person.",
  },
  {
    to: "/admin/roles",
    label: "Roles",
    icon: ShieldCheck,
    key: "l",
    permissions: ["platform:roles:list"],
    about: "What a role holds, who has it, and roles of your own.",
  },
  {
    to: "/admin/groups",
    label: "Groups",
    icon: UsersRound,
    key: "c",
    permissions: ["platform:groups:list", "business_unit:groups:list"],
    about: "Give roles once, for everybody in a group.",
  },
  {
    to: "/admin/business-units",
    label: "Business units",
    icon: Building2,
    key: "b",
    permissions: ["platform:business_units:list", "business_unit:business_units:manage_members"],
    about: "Owners, members with their role, and groups of each unit.",
  },
  {
    to: "/admin/teams",
    label: "Teams",
    icon: Workflow,
    key: "t",
    permissions: ["platform:teams:update", "platform:teams:create", "platform:teams:manage_members"],
    about: "Who owns deployments together, and who leads.",
  },
  {
    to: "/admin/organizations",
    label: "Organizations",
    icon: Building,
    key: "z",
    permissions: ["platform:organizations:list"],
    about: "The tenants of the installation.",
  },
  {
    to: "/admin/service-accounts",
    label: "Service accounts",
    icon: Bot,
    key: "m",
    permissions: ["platform:service_accounts:list"],
    about: "Programs with a name of their own: machines, CI jobs and agents, with their tokens.",
  },
  {
    to: "/admin/access",
    label: "Access",
    icon: KeySquare,
    key: "x",
    permissions: ["platform:access:explain"],
    about: "Why somebody may or may not do something, and who can.",
  },
  {
    to: "/admin/jobs",
    label: "Failed jobs",
    icon: ServerCog,
    key: "q",
    permissions: ["business_unit:jobs:list"],
    about: "Look at what failed, replay, cancel or delete it.",
  },
  {
    to: "/admin/queues",
    label: "Queues",
    icon: Layers,
    key: "v",
    permissions: ["platform:queues:read", "platform:schedules:read"],
    about: "How long jobs wait, pauses, and what the server does by itself.",
  },
  {
    to: "/admin/audit",
    label: "Audit",
    icon: ScrollText,
    key: "u",
    permissions: ["platform:audit:read", "business_unit:audit:read"],
    about: "Who did what, when and with what outcome.",
  },
  {
    to: "/admin/settings",
    label: "Settings",
    icon: Settings2,
    key: "s",
    permissions: ["platform:organizations:manage_settings"],
    about: "Defaults of the organization, single sign-on, passwords and retention.",
  },
  {
    to: "/admin/system",
    label: "System",
    icon: FileKey,
    key: "y",
    permissions: ["platform:signing_keys:list"],
    about: "The keys that sign what this installation hands out.",
  },
];

const isOpen = (holds: (permission: string) => boolean) => (place: Destination) =>
  !place.permissions || place.permissions.some((one) => holds(one));

export function workPlaces(holds: (permission: string) => boolean): Destination[] {
  return WORK.filter(isOpen(holds));
}

/** The places of administration that somebody has something to do at. */
export function administrationPlaces(holds: (permission: string) => boolean): AdministrationPlace[] {
  return ADMINISTRATION.filter(isOpen(holds));
}
