// What went wrong, in the shape that pages show. Decided by code and reason of the typed details, never by message.

import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "~/gen/flagstone/v1/error_reason_pb";
import { type PolicyViolation, PolicyViolationsSchema } from "~/gen/flagstone/v1/policy_pb";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "~/gen/google/rpc/error_details_pb";

export { ErrorReason };

/** One field that is wrong: its path in the request message, and what to do. */
export interface FieldProblem {
  field: string;
  message: string;
}

/** An error as people see it. */
export interface Problem {
  code: Code;
  /** True where no answer came: the network is cut, or the server is down. */
  unreachable: boolean;
  /** Unspecified where the answer did not come from Flagstone, for instance when the network is cut. */
  reason: ErrorReason;
  /** What happened and what to do, in the server's words. */
  message: string;
  fields: FieldProblem[];
  violations: PolicyViolation[];
  metadata: Record<string, string>;
  /** Finds the call in the server's logs. */
  correlationId: string;
  /** How long to wait before trying again, in milliseconds. */
  retryAfter: number | undefined;
}

/** Reads the typed details of an error. */
export function problemOf(error: unknown): Problem {
  const cause = ConnectError.from(error);
  const unreachable = error instanceof ConnectError && isUnreachable(cause);
  const info = cause.findDetails(ErrorInfoSchema)[0];
  const name = info ? (`${info.reason}` as keyof typeof ErrorReason) : undefined;
  const fields = cause.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  const delay = cause.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    code: cause.code,
    unreachable,
    reason: (name && ErrorReason[name]) || ErrorReason.UNSPECIFIED,
    message: unreachable ? "The server cannot be reached." : cause.rawMessage,
    fields: fields.map(({ field, description }) => ({ field, message: description })),
    violations: cause.findDetails(PolicyViolationsSchema).flatMap((detail) => detail.violations),
    metadata: info?.metadata ?? {},
    correlationId: info?.metadata.correlation_id ?? cause.metadata.get("x-request-id") ?? "",
    retryAfter: delay ? Number(delay.seconds) * 1000 + delay.nanos / 1e6 : undefined,
  };
}

/** True where no answer came at all: the network is cut, or the server is down. */
export function isUnreachable(error: ConnectError): boolean {
  const isOurs = error.findDetails(ErrorInfoSchema).length > 0;
  return !isOurs && (error.code === Code.Unavailable || error.code === Code.Unknown || error.code === Code.Internal);
}

/** True where asking again later may succeed: the network, a restart, too much load. */
export function isPassing(error: unknown): boolean {
  const cause = ConnectError.from(error);
  return isUnreachable(cause) || cause.code === Code.Unavailable || cause.code === Code.ResourceExhausted;
}
