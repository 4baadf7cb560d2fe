// How answers are kept and refreshed.

import { QueryClient } from "@tanstack/react-query";
import { isPassing } from "./errors";

/** Answers are shown from the cache at once and asked for again when a page opens; live changes refresh them between. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 5 * 60_000,
      retry: (failures, error) => failures < 2 && isPassing(error),
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 4_000),
      refetchOnWindowFocus: false,
    },
    mutations: { retry: false },
  },
});

/** The services whose answers may differ after a change of an object of a type; every type that WatchService knows. */
const SERVICES = {
  request: ["RequestService", "ApprovalService", "DeploymentService", "JobService"],
  approval: ["ApprovalService", "RequestService"],
  deployment: ["DeploymentService", "EnvironmentService"],
  workspace: ["WorkspaceService"],
  job: ["JobService", "RequestService", "DeploymentService", "QueueService"],
  environment: ["EnvironmentService"],
  template: ["TemplateService"],
  template_version: ["TemplateService"],
  approval_policy: ["ApprovalPolicyService"],
  organization: ["OrganizationService"],
  business_unit: ["BusinessUnitService", "UserService", "OrganizationService"],
  business_unit_member: ["BusinessUnitService", "UserService", "AccessService"],
  user: ["UserService", "AccessService", "OrganizationService"],
  invitation: ["InvitationService", "OrganizationService"],
  role: ["RoleService", "AccessService", "UserService", "BusinessUnitService"],
  role_binding: ["RoleService", "AccessService", "UserService", "GroupService", "BusinessUnitService"],
  group: ["GroupService", "AccessService", "UserService"],
  team: ["TeamService", "AccessService", "UserService"],
  service_account: ["ServiceAccountService"],
  sso_provider: ["SsoProviderService"],
} satisfies Record<string, readonly string[]>;

/** A kind of object that can be watched. */
export type ObjectType = keyof typeof SERVICES;

const THROTTLE = 150;
let pending = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Asks again for what the pages show of these object types. Many changes at once are one question. */
export function refreshObjects(types: Iterable<string>): void {
  for (const type of types) {
    // A newer server may know more.
    for (const service of SERVICES[type as ObjectType] ?? []) pending.add(`flagstone.v1.${service}`);
  }
  // Whatever changes is also in the feed and in the audit.
  pending.add("flagstone.v1.WatchService");
  pending.add("flagstone.v1.AuditService");
  if (timer) return;
  refreshPending();
  timer = setTimeout(() => {
    timer = undefined;
    if (pending.size > 0) refreshPending();
  }, THROTTLE);
}

/** Asks again for everything that the pages show. */
export function refreshAll(): void {
  void queryClient.invalidateQueries();
}

function refreshPending(): void {
  const services = pending;
  pending = new Set();
  void queryClient.invalidateQueries({
    predicate: ({ queryKey: [kind, key] }) =>
      kind === "connect-query" && services.has((key as { serviceName: string }).serviceName),
  });
}
