// The way to the server: gRPC-web on the page's own origin.

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { observeServerTime } from "./clock";
import { ErrorReason, problemOf } from "./errors";
import { Session } from "./session";

const CLIENT = `web/${__FLAGSTONE_VERSION__}`;

/** Says what we are, and notes the server's clock. */
const introduce: Interceptor = (next) => async (request) => {
  request.header.set("x-flagstone-client", CLIENT);
  const response = await next(request);
  observeServerTime(response.header.get("date"));
  return response;
};

const baseUrl = window.location.origin;

/** Carries what somebody calls who is not logged in: nobody waits for a token. */
export const anonymousTransport = createGrpcWebTransport({ baseUrl, interceptors: [introduce] });

/** The session of this tab. */
export const session = new Session(anonymousTransport);

/** Gives every call a token. One that the server refuses as expired is renewed, and the call is made once more. */
const authenticate: Interceptor = (next) => async (request) => {
  const token = await session.token();
  request.header.set("authorization", `Bearer ${token}`);
  try {
    return await next(request);
  } catch (error) {
    // A login says so; after a reload only a refusal does.
    if (problemOf(error).reason === ErrorReason.PASSWORD_CHANGE_REQUIRED) session.setPasswordChangeRequired(true);
    if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
    session.reject(token);
    // Whoever follows a stream opens it again.
    if (request.stream) throw error;
    request.header.set("authorization", `Bearer ${await session.token()}`);
    return await next(request);
  }
};

/** Carries every call of a logged-in person. */
export const transport = createGrpcWebTransport({ baseUrl, interceptors: [authenticate, introduce] });
