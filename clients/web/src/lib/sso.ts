// Logging in through a provider: why it failed, in words, and the way there.

/** Why a login through a provider failed, by the code in the address, in what happened and what to do. */
const FAILURES: Record<string, [title: string, text: string]> = {
  sso_expired: [
    "That took too long",
    "A login through a provider ends after ten minutes, and works once. Begin it again.",
  ],
  sso_other_browser: [
    "This was begun elsewhere",
    "A login is completed in the browser in which it began. Begin it here.",
  ],
  sso_refused: [
    "The provider said no",
    "It did not let you in, or you went back. Try again, or choose another way to log in.",
  ],
  sso_failed: [
    "The provider’s answer does not hold",
    "Nobody was logged in. Begin it again; if that fails too, tell an administrator.",
  ],
  sso_unreachable: [
    "The provider cannot be reached",
    "Try again in a few minutes, or log in another way. An administrator can test the provider.",
  ],
  email_unverified: [
    "Your address is not verified",
    "The provider does not vouch for your e-mail address. Verify it there, then log in again.",
  ],
  email_not_admitted: [
    "Your address is not admitted",
    "Nobody here knows this e-mail address. Ask an administrator for an invitation.",
  ],
  account_inactive: ["Your account is not active", "An administrator can activate it."],
  identity_taken: [
    "That account belongs to somebody else",
    "The account at the provider is linked to another person here. Use another one.",
  ],
  rate_limited: ["Too many logins at once", "Many came from your address. Wait a minute, then begin it again."],
  invitation_invalid: [
    "The invitation does not fit",
    "It does not work any more, or it is for another address than the provider’s. Ask whoever invited you for another.",
  ],
};

/** A failure in words, also of a newer server. */
export function failureWords(code: string): { title: string; text: string } {
  const [title, text] = (Object.hasOwn(FAILURES, code) && FAILURES[code]) || [
    "You are not logged in",
    "The login did not work. Try again, or tell an administrator.",
  ];
  return { title, text };
}

/** Sends the browser to a provider. Anything but a web address would run here. */
export function leaveFor(address: string): void {
  const { protocol } = new URL(address);
  if (protocol === "https:" || protocol === "http:") window.location.assign(address);
}

/** What the login page was asked for. */
export interface Way {
  /** The page that one wanted. */
  to?: string;
  organization?: string;
}

const WAY = "flagstone.login";

/** Keeps in this tab what the login page was asked for, while its reader is at a provider. */
export function keepWay(way: Way): void {
  sessionStorage.setItem(WAY, JSON.stringify(way));
}

/** What was kept, once: a login that failed at the provider comes back without it. */
export function takeWay(): Way {
  const kept = sessionStorage.getItem(WAY);
  sessionStorage.removeItem(WAY);
  return kept ? (JSON.parse(kept) as Way) : {};
}
