// A real OpenID Connect provider for tests: npm's `oidc-provider`, with people of its own and no look of its own.
//
//   node tests/oidc/provider.mjs --redirect http://127.0.0.1:7400/auth/sso/callback [--port 9000] [--claims id_token]
//
// Prints one line of JSON with the issuer, the client id and the client secret as soon as it serves, and ends with its
// standard input, so that it does not outlive the test that started it. `--redirect` may be given more than once.
//
// Whoever logs in types only a name; the name says who it is:
//
//   ada              ada@example.org, verified
//   ada@corp.test    that address, verified
//   unverified-ada   ada@example.org, not verified
//   nomail-ada       nobody knows an address
//   ada#2            another person to whom the provider gave ada@example.org, verified
//
// What goes wrong with real providers, and what attackers would like to go wrong, is asked for at `/test/…` (POST):
//
//   /test/tamper     {"how": "nonce" | "audience" | "issuer" | "expired" | "none" | "hs256" | "foreign_key" | "no_token"}
//                    what becomes of the next ID token
//   /test/rotate     signs with a new key from now on, and publishes only that one

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { exportJWK, generateKeyPair, importJWK, SignJWT, UnsecuredJWT, decodeJwt, decodeProtectedHeader } from "jose";
import { Provider } from "oidc-provider";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    redirect: { type: "string", multiple: true, default: [] },
    claims: { type: "string", default: "userinfo" },
  },
});

const CLIENT = { client_id: "flagstone", client_secret: "a-secret-of-the-tests" };

function person(login) {
  const [name] = login.split("#");
  const plain = name.replace(/^(unverified|nomail)-/, "");
  const email = plain.includes("@") ? plain : `${plain}@example.org`;
  const local = email.split("@")[0];
  const claims = { sub: login, name: `${local[0].toUpperCase()}${local.slice(1)} Example`, preferred_username: local };
  return name.startsWith("nomail-")
    ? claims
    : { ...claims, email, email_verified: !name.startsWith("unverified-") };
}

let generation = 0;

async function newKey() {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  generation += 1;
  return { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: `key-${generation}` };
}

let key = await newKey();
let tampering;

/** The ID token that an attacker, or a provider that is out of order, would send instead. */
async function tampered(token) {
  const how = tampering;
  tampering = undefined;
  const claims = decodeJwt(token);
  const { kid } = decodeProtectedHeader(token);
  const sign = async (changes, signer = key) =>
    new SignJWT({ ...claims, ...changes })
      .setProtectedHeader({ alg: "RS256", kid })
      .sign(await importJWK(signer, "RS256"));
  switch (how) {
    case "nonce":
      return sign({ nonce: "somebody-elses" });
    case "audience":
      return sign({ aud: "another-client" });
    case "issuer":
      return sign({ iss: "https://evil.example.org" });
    case "expired":
      return sign({ iat: claims.iat - 7200, exp: claims.iat - 3600 });
    case "none":
      return new UnsecuredJWT(claims).encode();
    case "hs256":
      return new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256", kid })
        .sign(new TextEncoder().encode(CLIENT.client_secret));
    case "foreign_key":
      return sign({}, await newKey());
    case "no_token":
      return undefined;
    default:
      return token;
  }
}

function provider() {
  const made = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: options.redirect, post_logout_redirect_uris: logouts(), grant_types: ["authorization_code"] }],
    jwks: { keys: [key] },
    cookies: { keys: ["of-the-tests"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
    conformIdTokenClaims: options.claims !== "id_token",
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, login) => ({ accountId: login, claims: () => person(login) }),
    // Nobody is asked twice.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  made.use(async (ctx, next) => {
    await next();
    if (ctx.path === "/token" && ctx.body?.id_token && tampering) {
      ctx.body = { ...ctx.body, id_token: await tampered(ctx.body.id_token) };
    }
  });
  return made;
}

const logouts = () => options.redirect.map((url) => new URL("/login", url).href);

const FORM = `<!doctype html><html lang="en"><title>A provider of tests</title>
<form method="post"><label>Name <input name="login" autofocus></label> <button>Log in</button></form>`;

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function serve(request, response) {
  const path = new URL(request.url, issuer).pathname;
  if (request.method === "POST" && path === "/test/tamper") {
    tampering = JSON.parse(await body(request)).how;
    return response.writeHead(204).end();
  }
  if (request.method === "POST" && path === "/test/rotate") {
    key = await newKey();
    current = provider();
    return response.writeHead(204).end();
  }
  if (!path.startsWith("/interaction/")) return current.callback()(request, response);
  if (request.method !== "POST") return response.writeHead(200, { "content-type": "text/html" }).end(FORM);
  const login = new URLSearchParams(await body(request)).get("login");
  const result = login
    ? { login: { accountId: login } }
    : { error: "access_denied", error_description: "Nobody wanted to log in." };
  return current.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
await new Promise((resolve) => server.listen(Number(options.port), "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
let current = provider();
console.log(JSON.stringify({ issuer, ...CLIENT }));

process.stdin.on("end", () => process.exit(0)).resume();
