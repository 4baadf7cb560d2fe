// People outside the browser: they set up what a test takes as given, through the same API and the same messages.

import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ApprovalPolicyService } from "~gen/flagstone/v1/approval_policy_service_pb";
import { ApprovalService } from "~gen/flagstone/v1/approval_service_pb";
import { AuthService } from "~gen/flagstone/v1/auth_service_pb";
import { DeploymentService } from "~gen/flagstone/v1/deployment_service_pb";
import { JobService } from "~gen/flagstone/v1/job_service_pb";
import { type Request, RequestService, RequestState } from "~gen/flagstone/v1/request_service_pb";

/** The unit that every `dev` server starts with. */
export const UNIT = "businessUnits/sandbox";

/** How long anything may take before a test fails. Long, since the machine may be busy. */
const PATIENCE = 150_000;

/** An account that a test has made for itself. */
export interface Account {
  /** `users/{user}`. */
  name: string;
  fullName: string;
  email: string;
  password: string;
}

type Inputs = Record<string, string | number | boolean | Record<string, string>>;

export interface Order {
  /** Id of the deployment. */
  id: string;
  template?: string;
  environment?: "development" | "staging" | "production";
  inputs?: Inputs;
  displayName?: string;
  title?: string;
  description?: string;
  draft?: boolean;
}

/** The states in which nothing happens any more. */
const OVER = [
  RequestState.COMPLETED,
  RequestState.REJECTED,
  RequestState.CANCELLED,
  RequestState.EXPIRED,
  RequestState.FAILED,
];

export class Person {
  private constructor(
    readonly address: string,
    private readonly token: string,
  ) {}

  static async logIn(address: string, identifier: string, password: string): Promise<Person> {
    const client = createClient(AuthService, createGrpcWebTransport({ baseUrl: address }));
    const { tokens } = await client.login({ identifier, password });
    return new Person(address, tokens?.accessToken ?? "");
  }

  /** A typed client of a service. */
  client<Service extends DescService>(service: Service): Client<Service> {
    const authenticate: Interceptor = (next) => (request) => {
      request.header.set("authorization", `Bearer ${this.token}`);
      return next(request);
    };
    return createClient(service, createGrpcWebTransport({ baseUrl: this.address, interceptors: [authenticate] }));
  }

  /** Orders `config-bundle`, or something else. */
  order(order: Order): Promise<Request> {
    const { id, template = "config-bundle", environment = "development" } = order;
    return this.client(RequestService).createRequest({
      parent: UNIT,
      draft: order.draft ?? false,
      request: {
        title: order.title ?? "",
        description: order.description ?? "",
        tags: { team: "core", owner: "dev", purpose: "tests" },
        payload: {
          case: "create",
          value: {
            templateVersion: `templates/${template}`,
            environment: `${UNIT}/environments/${environment}`,
            deploymentId: id,
            displayName: order.displayName ?? "",
            inputs: order.inputs ?? bundle("1"),
            costCenter: environment === "production" ? "cc-1" : "",
          },
        },
      },
    });
  }

  /** Orders and waits until the request is in a state. */
  async orderUntil(order: Order, state: RequestState): Promise<Request> {
    return this.until((await this.order(order)).name, state);
  }

  update(id: string, inputs: Inputs): Promise<Request> {
    const value = { deployment: `${UNIT}/deployments/${id}`, inputs };
    return this.client(RequestService).createRequest({
      parent: UNIT,
      request: { payload: { case: "update", value } },
    });
  }

  destroy(id: string): Promise<Request> {
    const value = { deployment: `${UNIT}/deployments/${id}` };
    return this.client(RequestService).createRequest({
      parent: UNIT,
      request: { payload: { case: "destroy", value } },
    });
  }

  request(name: string): Promise<Request> {
    return this.client(RequestService).getRequest({ name });
  }

  /** All requests for a deployment. */
  async requestsOf(id: string): Promise<Request[]> {
    const filter = `deployment = "${UNIT}/deployments/${id}"`;
    return (await this.client(RequestService).listRequests({ parent: UNIT, filter })).requests;
  }

  deployment(id: string) {
    return this.client(DeploymentService).getDeployment({ name: `${UNIT}/deployments/${id}` });
  }

  /** Waits until a request is in a state. Fails at once where it has come to another end. */
  async until(name: string, wanted: RequestState): Promise<Request> {
    const abort = AbortSignal.timeout(PATIENCE);
    for await (const { event } of this.client(RequestService).watchRequest({ name }, { signal: abort })) {
      const request = event.case === "update" ? event.value.request : undefined;
      if (request?.state === wanted) return request;
      if (request && OVER.includes(request.state)) {
        const words = `${request.code} is ${RequestState[request.state]} instead of ${RequestState[wanted]}`;
        throw new Error(`${words}: ${request.error?.message ?? "no error"}`);
      }
    }
    throw new Error(`The watch of ${name} ended before it was ${RequestState[wanted]}.`);
  }

  async approve(request: Request): Promise<void> {
    const approval = await this.client(ApprovalService).getApproval({ name: request.approval });
    const { name, contentHash, planDigest } = approval;
    await this.client(ApprovalService).approveApproval({ name, contentHash, planDigest });
  }

  async reject(request: Request, comment: string): Promise<void> {
    const approval = await this.client(ApprovalService).getApproval({ name: request.approval });
    const { name, contentHash, planDigest } = approval;
    await this.client(ApprovalService).rejectApproval({ name, contentHash, planDigest, comment });
  }

  /** Switches whether requests in development are approved by policy. For an administrator. */
  async setAutoApproval(enabled: boolean): Promise<void> {
    const policies = this.client(ApprovalPolicyService);
    const policy = await policies.getApprovalPolicy({ name: "approvalPolicies/development-auto" });
    const { condition, reason } = policy.autoApprove ?? {};
    const autoApprove = { enabled, condition, reason };
    await policies.updateApprovalPolicy({
      approvalPolicy: { name: policy.name, etag: policy.etag, autoApprove },
      updateMask: { paths: ["auto_approve"] },
    });
  }

  /** Waits until a job's log holds a text. */
  async untilPrinted(job: string, text: string): Promise<void> {
    const decoder = new TextDecoder();
    const stream = this.client(JobService).tailJobLogs(
      { name: job, follow: true },
      { signal: AbortSignal.timeout(PATIENCE) },
    );
    for await (const { event } of stream) {
      if (event.case === "chunk" && event.value.lines.some((line) => decoder.decode(line.data).includes(text))) return;
    }
    throw new Error(`The log of ${job} ended without "${text}".`);
  }
}

/** Inputs of `config-bundle`: one entry with this value. */
export function bundle(value: string, more: Inputs = {}): Inputs {
  return { name: "limits", label: "blue", entries: { key: value }, ...more };
}
