import { setNonce } from "get-nonce";

/**
 * Lets Radix add the one style element that it needs while a dialog or menu is open (it keeps the page from scrolling):
 * the policy of the page allows style elements only with the nonce of that page.
 */
export function allowInjectedStyles(): void {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');
  if (meta?.nonce) setNonce(meta.nonce);
}
