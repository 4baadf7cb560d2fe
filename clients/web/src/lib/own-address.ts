/** The page a login leads to: an address of this application, home where it is anything else. */
export function ownAddress(to: string | undefined): string {
  return to && /^\/(?![/\\]|login)/.test(to) ? to : "/";
}
