import { createServer } from "node:http";
import { RefreshSessionRequestSchema } from "~gen/flagstone/v1/auth_service_pb";
import { AUTH, expect, logIn, test } from "../support/fixtures";
import { frame, WEB_HEADERS } from "../support/grpc";

test("the content security policy allows no inline script, and nothing of others", async ({ server, visitor }) => {
  const context = await visitor({ baseURL: server.address });
  for (const path of ["/", "/requests/R-1", "/nowhere"]) {
    const policy = (await context.request.get(path)).headers()["content-security-policy"] ?? "";
    const directives = new Map(policy.split(";").map((part) => [part.trim().split(" ")[0], part.trim()]));
    expect(directives.get("default-src"), path).toBe("default-src 'none'");
    expect(directives.get("script-src"), path).toBe("script-src 'self'");
    expect(directives.get("frame-ancestors"), path).toBe("frame-ancestors 'none'");
    expect(policy, path).not.toMatch(/unsafe-(inline|eval)|https?:|\*/);
  }
});

test("an inline script that got into a page does not run", async ({ server, visitor, faults }) => {
  const page = await (await visitor({ baseURL: server.address })).newPage();
  await page.goto("/login");
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.stranger = true";
    document.body.append(script);
    const image = document.createElement("img");
    image.setAttribute("onerror", "window.stranger = true");
    image.src = "data:,";
    document.body.append(image);
    return new Promise((resolve) => setTimeout(() => resolve("stranger" in window), 300));
  });
  expect(ran).toBe(false);
  // Both were reported; that is what the watch on every page is for.
  expect(faults.splice(0).join("\n")).toMatch(/content security policy: script-src/);
});

test("a page of a foreign origin gets nothing, with or without the person's cookie", async ({
  server,
  visitor,
  faults,
}) => {
  const foreign = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<h1>Elsewhere</h1>"));
  await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
  const own = foreign.address();
  if (!own || typeof own === "string") throw new Error("no port");
  try {
    const context = await visitor();
    await logIn(context, server, "dev");
    const page = await context.newPage();
    // The same site by another port: SameSite cookies go along, so that the server itself has to refuse.
    await page.goto(`http://127.0.0.1:${own.port}/`);
    const call = {
      url: `${server.address}${AUTH}/RefreshSession`,
      headers: WEB_HEADERS,
      body: [...frame(RefreshSessionRequestSchema, {})],
    };
    const ask = (headers: Record<string, string>, mode: RequestMode) =>
      page.evaluate(
        async ({ url, body, headers, mode }) => {
          const init: RequestInit = {
            method: "POST",
            headers,
            mode,
            credentials: "include",
            body: new Uint8Array(body),
          };
          try {
            const answer = await fetch(url, init);
            return `${answer.type} ${answer.status} ${await answer.text()}`;
          } catch (error) {
            return `refused: ${error}`;
          }
        },
        { ...call, headers, mode },
      );
    expect(await ask(call.headers, "cors"), "with a preflight").toMatch(/^refused/);
    expect(faults.splice(0).join("\n"), "the browser says so").toContain("blocked by CORS policy");
    // What needs no preflight is sent, but is no call to the server, and the page cannot read the answer.
    expect(await ask({ "content-type": "text/plain" }, "no-cors"), "without a preflight").toMatch(/^opaque 0 $/);
    const direct = {
      headers: { ...call.headers, origin: `http://127.0.0.1:${own.port}` },
      data: Buffer.from(call.body),
    };
    const answer = await context.request.post(call.url, direct);
    expect(answer.headers()["grpc-status"], "PERMISSION_DENIED, whatever the browser lets through").toBe("7");
    // Nobody used the cookie: it still opens the session.
    await page.goto(`${server.address}/profile`);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Developer");
  } finally {
    foreign.close();
  }
});
