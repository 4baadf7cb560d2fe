// Verifies the access token in $TOKEN as a foreign service would: it knows the issuer's address and nothing else. Prints
// the claims; ends with 1 where anything is wrong.

import { createRemoteJWKSet, jwtVerify } from "jose";
import { allowInsecureRequests, discovery } from "openid-client";

const issuer = process.argv[2];
const found = await discovery(new URL(issuer), "nobody", undefined, undefined, { execute: [allowInsecureRequests] });
const metadata = found.serverMetadata();
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
const algorithms = metadata.id_token_signing_alg_values_supported;
const { payload } = await jwtVerify(process.env.TOKEN, keys, { issuer: metadata.issuer, audience: "flagstone", algorithms });
for (const claim of metadata.claims_supported) {
  if (!(claim in payload)) throw new Error(`the token has no ${claim}`);
}
console.log(JSON.stringify(payload));
