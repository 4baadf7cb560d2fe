// The actions that the contract names, to choose from. The server records others too, its own for instance.

import { type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { method as methodOption } from "~/gen/flagstone/options/v1/options_pb";
import { ApiTokenService } from "~/gen/flagstone/v1/api_token_service_pb";
import { ApprovalPolicyService } from "~/gen/flagstone/v1/approval_policy_service_pb";
import { ApprovalService } from "~/gen/flagstone/v1/approval_service_pb";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { BusinessUnitService } from "~/gen/flagstone/v1/business_unit_service_pb";
import { GroupService } from "~/gen/flagstone/v1/group_service_pb";
import { InvitationService } from "~/gen/flagstone/v1/invitation_service_pb";
import { JobService } from "~/gen/flagstone/v1/job_service_pb";
import { OrganizationService } from "~/gen/flagstone/v1/organization_service_pb";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { RoleService } from "~/gen/flagstone/v1/role_service_pb";
import { RunnerLinkService } from "~/gen/flagstone/v1/runner_link_service_pb";
import { RunnerService } from "~/gen/flagstone/v1/runner_service_pb";
import { ServiceAccountService } from "~/gen/flagstone/v1/service_account_service_pb";
import { SsoProviderService } from "~/gen/flagstone/v1/sso_provider_service_pb";
import { TeamService } from "~/gen/flagstone/v1/team_service_pb";
import { UserService } from "~/gen/flagstone/v1/user_service_pb";
import { WorkloadIdentityService } from "~/gen/flagstone/v1/workload_identity_service_pb";

const SERVICES: readonly DescService[] = [
  ApiTokenService,
  ApprovalPolicyService,
  ApprovalService,
  AuthService,
  BusinessUnitService,
  GroupService,
  InvitationService,
  JobService,
  OrganizationService,
  RequestService,
  RoleService,
  RunnerLinkService,
  RunnerService,
  ServiceAccountService,
  SsoProviderService,
  TeamService,
  UserService,
  WorkloadIdentityService,
];

/** The audit actions of all methods, in alphabetical order. */
export function auditActions(): string[] {
  const methods = SERVICES.flatMap((service) => service.methods);
  const actions = methods.map((one) => (hasOption(one, methodOption) ? getOption(one, methodOption).auditAction : ""));
  return [...new Set(actions.filter(Boolean))].sort();
}
