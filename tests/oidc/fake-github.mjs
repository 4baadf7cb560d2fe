// A fake of GitHub, for tests: what of it a login needs, at the addresses of a GitHub Enterprise Server.
//
//   node tests/oidc/fake-github.mjs [--port 9001]
//
// Prints one line of JSON with its address, the client id and the client secret, and ends with its standard input. Whoever
// logs in is named in the address of the authorization page, `login`, as nothing here has a look of its own; the browser is
// sent back at once. `octocat` has a verified primary address, `unverified-…` has one that is not. A name with `~2` behind
// it is another account that took the name after it became free. The PKCE verifier is checked, and each code works once.

import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const CLIENT = { client_id: "flagstone", client_secret: "a-secret-of-the-tests" };
const codes = new Map();
const tokens = new Map();

const number = (login) => createHash("sha256").update(login).digest().readUInt32BE(0);

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

async function serve(request, response) {
  const url = new URL(request.url, address);
  const json = (value, status = 200) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  switch (url.pathname) {
    case "/login/oauth/authorize": {
      const query = url.searchParams;
      const code = randomUUID();
      codes.set(code, { login: query.get("login"), challenge: query.get("code_challenge"), redirect: query.get("redirect_uri") });
      const back = new URL(query.get("redirect_uri"));
      back.searchParams.set("code", code);
      back.searchParams.set("state", query.get("state"));
      return response.writeHead(302, { location: back.href }).end();
    }
    case "/login/oauth/access_token": {
      const form = await body(request);
      const found = codes.get(form.get("code"));
      codes.delete(form.get("code"));
      const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
      const client = form.get("client_id") === CLIENT.client_id && form.get("client_secret") === CLIENT.client_secret;
      if (!client) return json({ error: "incorrect_client_credentials" });
      if (!found || found.challenge !== challenge || found.redirect !== form.get("redirect_uri")) {
        return json({ error: "bad_verification_code" });
      }
      const token = randomUUID();
      tokens.set(token, found.login);
      return json({ access_token: token, token_type: "bearer", scope: "read:user,user:email" });
    }
    case "/api/v3/meta":
      return json({ verifiable_password_authentication: false });
  }
  if (!request.headers["user-agent"]) return json({ message: "Say who you are." }, 403);
  const login = tokens.get(request.headers.authorization?.replace(/^Bearer /, ""));
  if (!login) return json({ message: "Bad credentials" }, 401);
  const name = login.replace(/~.*$/, "");
  if (url.pathname === "/api/v3/user") {
    return json({ id: number(login), login: name, name: null, html_url: `https://github.com/${name}` });
  }
  if (url.pathname === "/api/v3/user/emails") {
    const plain = name.replace(/^unverified-/, "");
    return json([
      { email: `${plain}@elsewhere.test`, primary: false, verified: true, visibility: null },
      { email: `${plain}@example.org`, primary: true, verified: name === plain, visibility: "private" },
    ]);
  }
  return json({ message: "Not Found" }, 404);
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
await new Promise((resolve) => server.listen(Number(options.port), "127.0.0.1", resolve));
const address = `http://127.0.0.1:${server.address().port}`;
console.log(JSON.stringify({ issuer: address, ...CLIENT }));

process.stdin.on("end", () => process.exit(0)).resume();
