import { useLocation } from "@tanstack/react-router";

/** The token of a link such as `/invitations#<token>`. Browsers send what is behind `#` to no server. */
export function useLinkToken(): string {
  return useLocation({ select: ({ hash }) => hash }).trim();
}
