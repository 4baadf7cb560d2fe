// Who is logged in. The access token lives in memory only; the refresh token is an HttpOnly cookie that no script sees.
//
// All tabs share one session. One of them refreshes at a time (a Web Lock), and tells the others the new access token (a
// BroadcastChannel): a second use of the same refresh token would end the session as stolen. A refresh whose answer was
// lost is repeated under its request id, which the server answers with the same tokens.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { AuthService, type TokenPair } from "~/gen/flagstone/v1/auth_service_pb";
import { serverNow } from "./clock";
import { isPassing, problemOf } from "./errors";

/** Where the session stands. */
export type Status =
  /** Nobody knows yet: the cookie is being tried. */
  | "starting"
  /** Nobody is logged in. */
  | "anonymous"
  /** Somebody is. */
  | "active"
  /** Somebody was: the page stays, with all that was typed, until they log in again. */
  | "expired"
  /** Nobody knows: the server cannot be reached, or lets nobody in for a while. */
  | "unknown";

export interface Snapshot {
  status: Status;
  /** True until the first password is changed: nothing else works. */
  passwordChangeRequired: boolean;
  /** Why nobody knows; only where that is the status. */
  failure?: unknown;
}

interface Access {
  token: string;
  /** By the server's clock, milliseconds. */
  expires: number;
}

type Message = { kind: "token"; access: Access } | { kind: "ask" } | { kind: "logout" };

/** A token is renewed this long before it expires. */
const MARGIN = 30_000;

/** Where the id of a refresh under way is kept, so that it can be repeated after a cut or a closed tab. No secret. */
const PENDING_REFRESH = "flagstone.refresh";

/** How long to wait for a server that asks for that and does not say how long. */
const PATIENCE = 5_000;

/** How long a new tab waits for a token from the others before it refreshes itself. */
const ASK_TABS = 60;

export class Session {
  #snapshot: Snapshot = { status: "starting", passwordChangeRequired: false };
  #access: Access | undefined;
  /** Whose page this is. */
  #subject: string | undefined;
  #refreshing: Promise<void> | undefined;
  /** Tries the cookie again, where the server asked to wait. */
  #again: ReturnType<typeof setTimeout> | undefined;
  #listeners = new Set<() => void>();
  #waiting: (() => void)[] = [];
  readonly #channel = new BroadcastChannel("flagstone.session");
  readonly #auth;

  /** `transport` carries calls without a token. */
  constructor(transport: Transport) {
    this.#auth = createClient(AuthService, transport);
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#hear(data);
  }

  snapshot = (): Snapshot => this.#snapshot;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Finds out whether somebody is logged in: asks the other tabs, then the cookie. */
  async start(): Promise<void> {
    clearTimeout(this.#again);
    this.#channel.postMessage({ kind: "ask" } satisfies Message);
    await new Promise((resolve) => setTimeout(resolve, ASK_TABS));
    if (this.#isFresh()) return;
    try {
      await this.refresh();
    } catch (error) {
      if (!isPassing(error)) {
        this.#set({ status: "anonymous", failure: undefined });
        return;
      }
      this.#set({ status: "unknown", failure: error });
      const { code, retryAfter = code === Code.ResourceExhausted ? PATIENCE : undefined } = problemOf(error);
      if (retryAfter !== undefined) this.#again = setTimeout(() => void this.start(), retryAfter);
    }
  }

  /** Opens a session. Throws what the server answers. */
  async login(identifier: string, password: string, organization: string): Promise<void> {
    const answer = await this.#auth.login({ identifier, password, organization, requestId: crypto.randomUUID() });
    forgetPendingRefresh();
    this.#accept(answer.tokens, answer.passwordChangeRequired);
  }

  /** Takes over a session that was opened another way than by `login`, such as by accepting an invitation. */
  open(tokens: TokenPair | undefined): void {
    forgetPendingRefresh();
    this.#accept(tokens, false);
  }

  /** The first password was changed, or is found to need a change. */
  setPasswordChangeRequired(required: boolean): void {
    if (required !== this.#snapshot.passwordChangeRequired) this.#set({ passwordChangeRequired: required });
  }

  /** A token that is good for the next call. Waits for the person to log in again where the session is over. */
  async token(): Promise<string> {
    for (;;) {
      if (this.#access && this.#isFresh()) return this.#access.token;
      if (this.#snapshot.status === "expired" || this.#snapshot.status === "anonymous") {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      try {
        await this.refresh();
      } catch (error) {
        // Over: the next round waits for the person. Anything else is for the caller to show.
        if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
      }
    }
  }

  /** The server refused this token: the next call gets another one. */
  reject(token: string): void {
    if (this.#access?.token === token) this.#access = undefined;
  }

  /** Renews the access token, unless another tab just did. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    await navigator.locks.request("flagstone.refresh", async () => {
      if (this.#isFresh()) return;
      const requestId = localStorage.getItem(PENDING_REFRESH) ?? crypto.randomUUID();
      localStorage.setItem(PENDING_REFRESH, requestId);
      try {
        const answer = await this.#auth.refreshSession({ requestId });
        forgetPendingRefresh();
        this.#accept(answer.tokens, this.#snapshot.passwordChangeRequired);
      } catch (error) {
        // Nobody knows whether it arrived: the next try repeats it. Anything else is an answer.
        if (!isPassing(error)) {
          forgetPendingRefresh();
          if (ConnectError.from(error).code === Code.Unauthenticated) this.#end();
        }
        throw error;
      }
    });
  }

  /** The session is over by itself: expired, revoked, or ended in another tab. */
  #end(): void {
    this.#access = undefined;
    const wasActive = this.#snapshot.status === "active" || this.#snapshot.status === "expired";
    this.#set({ status: wasActive ? "expired" : "anonymous", failure: undefined });
  }

  /**
   * Ends the session on the server and in every tab. Returns where the provider's own session can be ended, where the
   * person came in through one.
   */
  async logout(): Promise<string> {
    try {
      if (!this.#isFresh()) await this.refresh();
      const headers = { authorization: `Bearer ${this.#access?.token}` };
      const answer = await this.#auth.logout({ requestId: crypto.randomUUID() }, { headers });
      return answer.providerLogoutUrl;
    } finally {
      this.#access = undefined;
      this.#channel.postMessage({ kind: "logout" } satisfies Message);
    }
  }

  #accept(tokens: TokenPair | undefined, passwordChangeRequired: boolean): void {
    if (!tokens?.accessTokenExpireTime) throw new ConnectError("The server sent no token.", Code.Internal);
    const access = { token: tokens.accessToken, expires: timestampMs(tokens.accessTokenExpireTime) };
    this.#take(access, passwordChangeRequired);
    this.#channel.postMessage({ kind: "token", access } satisfies Message);
  }

  #take(access: Access, passwordChangeRequired: boolean): void {
    this.#access = access;
    this.#subject = subjectOf(access.token);
    clearTimeout(this.#again);
    this.#set({ status: "active", passwordChangeRequired, failure: undefined });
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #hear(message: Message): void {
    if (message.kind === "token") {
      const subject = subjectOf(message.access.token);
      if (this.#subject !== undefined && this.#subject !== subject) {
        // Somebody else logged in in another tab: what this page shows is not theirs, and what is typed here not either.
        this.#access = undefined;
        this.close();
        window.location.assign("/");
        return;
      }
      this.#take(message.access, this.#snapshot.passwordChangeRequired);
    } else if (message.kind === "ask" && this.#access && this.#isFresh()) {
      this.#channel.postMessage({ kind: "token", access: this.#access } satisfies Message);
    } else if (message.kind === "logout") {
      // The page lives on until the next one is there: no other tab may get the dead token from it.
      this.#access = undefined;
      this.close();
      window.location.assign("/login");
    }
  }

  /** Stops hearing the other tabs, and trying again. */
  close(): void {
    clearTimeout(this.#again);
    this.#channel.close();
  }

  #isFresh(): boolean {
    return this.#access !== undefined && this.#access.expires - MARGIN > serverNow();
  }

  #set(change: Partial<Snapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** Whom an access token is for. Only to tell people apart: the server checks it. */
function subjectOf(token: string): string | undefined {
  try {
    const [, payload = ""] = token.split(".");
    const { sub } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { sub?: unknown };
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}

function forgetPendingRefresh(): void {
  localStorage.removeItem(PENDING_REFRESH);
}
