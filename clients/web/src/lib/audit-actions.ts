// The actions that the contract names, to choose from. The server records others too, its own for instance.

import { type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { method as methodOption } from "~/gen/flagstone/options/v1/options_pb";
import { ApprovalPolicyService } from "~/gen/flagstone/v1/approval_policy_service_pb";
import { ApprovalService } from "~/gen/flagstone/v1/approval_service_pb";
import { AuthService } from "~/gen/flagstone/v1/auth_service_pb";
import { JobService } from "~/gen/flagstone/v1/job_service_pb";
import { RequestService } from "~/gen/flagstone/v1/request_service_pb";
import { RunnerLinkService } from "~/gen/flagstone/v1/runner_link_service_pb";
import { UserService } from "~/gen/flagstone/v1/user_service_pb";

const SERVICES: readonly DescService[] = [
  ApprovalPolicyService,
  ApprovalService,
  AuthService,
  JobService,
  RequestService,
  RunnerLinkService,
  UserService,
];

/** The audit actions of all methods, in alphabetical order. */
export function auditActions(): string[] {
  const methods = SERVICES.flatMap((service) => service.methods);
  const actions = methods.map((one) => (hasOption(one, methodOption) ? getOption(one, methodOption).auditAction : ""));
  return [...new Set(actions.filter(Boolean))].sort();
}
