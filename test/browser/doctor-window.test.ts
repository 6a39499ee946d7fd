// The doctor's browser window: a person decides once, the doctor watches and repeats it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWindow, type WindowCustomer } from "../../cli/doctor/browser-window.ts";
import { findChromium } from "../../scripts/chromium.ts";
import type { AuthorizationRequest } from "../../simulator/library/authorization-request.ts";

const REDIRECT = "https://layla.amazon.com/api/skill/link/M1";
const OTHER = "https://pitangui.amazon.com/api/skill/link/M1";
/** The script acts as the person, who is not faster than the window is read. */
const person = (what: string) => `<script>onload = () => setTimeout(() => { ${what} }, 500)</script>`;
const press = (value: string) => `document.querySelector("[value=${value}]").click()`;
const CONSENT =
  '<form method="post" action="/consent"><button name="d" value="allow">Allow</button><button name="d" value="deny">Deny</button></form>';

let origin = "";
let opened = 0;
const visits: string[] = [];
let window: WindowCustomer;
const notes: string[] = [];

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  visits.push(`${request.method} ${pathname}`);
  const page = (html: string, status = 200) => {
    response.writeHead(status, { "content-type": "text/html" });
    response.end(`<!doctype html><meta name="viewport" content="width=device-width"><title>Acme</title>${html}`);
  };
  if (pathname === "/consent") {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const result = body.includes("allow") ? "code=c1" : "error=access_denied";
      response.writeHead(303, { location: `${REDIRECT}?${result}&state=s` }).end();
    });
    return;
  }
  if (pathname !== "/authorize") return page("nothing", 404);
  const kind = searchParams.get("kind");
  if (kind === "refused") return page("<h1>Unknown client</h1>", 400);
  if (kind === "other") return response.writeHead(302, { location: `${OTHER}?code=secret` }).end();
  if (kind === "silent") return page("<h1>Hello</h1>");
  if (kind === "hostile") {
    // Bytes of UTF-8 in a header, what the listener's function does not expect, and dialogs that go with their page.
    response.setHeader("x-note", Buffer.from("日本").toString("latin1"));
    const wrong = ["x", "null", "[]", '{"path":1}'].map((each) => `doctorPressed(${JSON.stringify(each)})`).join(";");
    return page(`${CONSENT}<script>${wrong}; for (let i = 0; i < 20; i++) alert(i)</script>${person(press("allow"))}`);
  }
  opened++;
  const wide = "<div style='width:900px'>wide</div>";
  const rude = `${wide}<script>alert("hello")</script>`;
  if (opened === 1) return page(`${CONSENT}${rude}${person(press("allow"))}`);
  page(CONSENT + (kind === "deny" && opened < 5 ? person(press("deny")) : ""));
});

/** How long a person has. */
let limitMs = 60_000;

describe("the window", { skip: !findChromium() }, () => {
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    window = await openWindow({
      redirectUris: [REDIRECT, OTHER],
      chromePath: findChromium() ?? "",
      headless: true,
      note: (text) => void notes.push(text),
      get limitMs() {
        return limitMs;
      },
    });
  });

  afterAll(async () => {
    await window.close();
    server.close();
  });

  function decide(kind: string, decision: "allow" | "deny") {
    const request = { url: `${origin}/authorize?kind=${kind}`, redirectUri: REDIRECT } as AuthorizationRequest;
    return window.decide(request, decision);
  }

  it("catches the redirect to Alexa, and presses by itself what the person pressed before", async () => {
    expect(await decide("link", "allow")).toEqual({ arrived: true, url: `${REDIRECT}?code=c1&state=s` });
    expect(notes).toEqual(["In the browser window: sign in if you are asked, and allow the link."]);
    // These pages have no script that presses.
    expect(await decide("link", "allow")).toMatchObject({ arrived: true });
    expect(await decide("link", "allow")).toMatchObject({ arrived: true });
    expect(notes).toHaveLength(1);
    expect(await decide("deny", "deny")).toEqual({ arrived: true, url: `${REDIRECT}?error=access_denied&state=s` });
    expect(await decide("deny", "deny")).toMatchObject({ arrived: true });
    expect(notes[1]).toContain("refuse the link");
    expect(visits.filter((visit) => visit === "POST /consent")).toHaveLength(5);
  });

  it("keeps what the checks of pages ask for, without what was typed or sent", () => {
    expect(window.pages?.()).toMatchObject([{ status: 200, last: true }]);
    const kinds = window.observations?.().map(({ kind, url }) => `${kind} ${url}`);
    expect(kinds).toContain(`dialog ${origin}/authorize`);
    expect(kinds).toContain(`overflow ${origin}/authorize`);
  });

  it("ends at a page with an error, at another redirect URI, and when nobody decides", async () => {
    expect(await decide("refused", "allow")).toEqual({ arrived: false, why: `${origin}/authorize returned 400` });
    expect(await decide("other", "allow")).toEqual({
      arrived: false,
      why: `the server redirected to ${OTHER} instead`,
    });
    limitMs = 1000;
    expect(await decide("silent", "allow")).toMatchObject({
      arrived: false,
      why: expect.stringContaining("within 1 s"),
    });
  });

  it("a hostile page does not end the program, nor keep the person from deciding", async () => {
    limitMs = 20_000;
    expect(await decide("hostile", "allow")).toMatchObject({ arrived: true });
    expect(window.pages?.()[0]?.status).toBe(200);
  });

  it("a closed window is said to be closed", async () => {
    await window.close();
    expect(await decide("link", "allow")).toEqual({ arrived: false, why: "the browser window was closed" });
  });
});
