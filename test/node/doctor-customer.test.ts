// The customer as a program, on the sign-in and consent pages that strangers' servers have.
import { describe, expect, it } from "vitest";
import { type CustomerOptions, createCustomer } from "../../doctor/customer.ts";
import type { AuthorizationRequest } from "../../simulator/library/authorization-request.ts";

const SITE = "https://link.example.com";
const IDP = "https://login.idp.example";
const REDIRECT = "https://layla.amazon.com/api/skill/link/M1";
const USER = "customer@example.com";
const PASSWORD = "example-password";

interface Sent {
  readonly path: string;
  readonly method: string;
  readonly cookie: string;
  readonly form: URLSearchParams;
  readonly request: Request;
}
type Route = (sent: Sent) => Response | string;

/** A site of several hosts. Routes are `METHOD host/path`; text is an HTML page. Everything else is an error here. */
function site(routes: Readonly<Record<string, Route>>, options: Partial<CustomerOptions> = {}) {
  const log: string[] = [];
  const customer = createCustomer({
    user: USER,
    password: PASSWORD,
    redirectUris: [REDIRECT, "https://pitangui.amazon.com/api/skill/link/M1"],
    ...options,
    fetch: async (request) => {
      const { host, pathname, searchParams } = new URL(request.url);
      const key = `${request.method} ${host.replace("link.example.com", "")}${pathname}`;
      log.push(key);
      const route = routes[key];
      if (!route) throw new Error(`unexpected ${key}`);
      const multipart = request.headers.get("content-type")?.startsWith("multipart/");
      const body = multipart ? [...(await request.clone().formData())] : await request.clone().text();
      const form = request.method === "POST" ? new URLSearchParams(body as string) : searchParams;
      const cookie = request.headers.get("cookie") ?? "";
      const response = route({ path: pathname, method: request.method, cookie, form, request });
      return typeof response === "string"
        ? new Response(response, { headers: { "content-type": "text/html" } })
        : response;
    },
  });
  const request = { url: `${SITE}/authorize?x=1`, redirectUri: REDIRECT } as AuthorizationRequest;
  return {
    log,
    customer,
    decide: (decision: "allow" | "deny" = "allow") => customer.decide(request, decision),
  };
}

function to(location: string, status = 303, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(null, { status, headers });
}

const CODE = `${REDIRECT}?code=c1&state=s`;
const DENIED = `${REDIRECT}?error=access_denied&state=s`;
const LOGIN =
  '<form method="post"><input name="email" type="email"><input name="pw" type="password"><button>Sign in</button></form>';
const consent = (buttons: string) => `<h1>Link Acme</h1><form method="post" action="/consent">${buttons}</form>`;
const signsIn = ({ form }: Sent, then: Response) =>
  form.get("pw") === PASSWORD && form.get("email") === USER ? then : LOGIN;
/** A consent page whose buttons come first in the test; the form says which was pressed. */
const pressed =
  (name: string) =>
  ({ form }: Sent) =>
    to(`${CODE}&pressed=${form.get(name)}`);

describe("signing in", () => {
  it("goes over pages for the name, the password, terms and consent, with hidden fields and cookies", async () => {
    const { decide, log } = site({
      "GET /authorize": () => to("/login/name", 302, ["flow=f1; Path=/login; HttpOnly", "all=a1"]),
      "GET /login/name": ({ cookie }) =>
        `<p>${cookie}</p><form action="name" method="POST"><input type=hidden name=csrf value="a&amp;b">
         <input name="identifier" autocomplete="username"><input type="submit" value="Next"></form>`,
      "POST /login/name": ({ form, cookie }) => {
        expect(cookie).toBe("flow=f1; all=a1");
        expect([form.get("csrf"), form.get("identifier")]).toEqual(["a&b", USER]);
        return '<form method="post" action="/login/password"><input type="password" name="secret"><button name="go" value="1">Next</button></form>';
      },
      "POST /login/password": ({ form }) => {
        expect([form.get("secret"), form.get("go")]).toEqual([PASSWORD, "1"]);
        return to("/terms");
      },
      "GET /terms": ({ cookie }) => {
        expect(cookie).toBe("all=a1");
        return "<form method=post><label><input type=checkbox name=terms required> I agree</label><button>Continue</button></form>";
      },
      "POST /terms": ({ form }) => (form.get("terms") === "on" ? to("/consent") : "unticked"),
      "GET /consent": () => consent("<button name=d value=no>No</button><button name=d value=yes>Yes</button>"),
      "POST /consent": pressed("d"),
    });
    expect(await decide()).toMatchObject({ arrived: true, url: `${CODE}&pressed=yes` });
    expect(log).toHaveLength(8);
  });

  it("goes through another host, a page that refreshes, and a form that submits itself", async () => {
    const { decide, customer } = site({
      "GET /authorize": () => '<meta http-equiv="Refresh" content="0; URL=/start">',
      "GET /start": () => to(`${IDP}/login`, 302, ["tx=t1; Secure; Domain=example.com; SameSite=Lax"]),
      "GET login.idp.example/login": ({ cookie }) => {
        expect(cookie).toBe("");
        return LOGIN;
      },
      "POST login.idp.example/login": (sent) =>
        signsIn(
          sent,
          new Response(
            `<body onload="document.forms[0].submit()"><form method="post" action="${SITE}/callback">
             <input type="hidden" name="id" value="7"><noscript><button>Continue</button></noscript></form>`,
            { headers: { "set-cookie": "tx=stolen; Domain=link.example.com" } },
          ),
        ),
      "POST /callback": ({ form, cookie }) => {
        expect([form.get("id"), cookie]).toEqual(["7", "tx=t1"]);
        return to(CODE);
      },
    });
    expect(await decide()).toMatchObject({ arrived: true, url: CODE });
    expect(customer.passwordHosts?.()).toEqual(["login.idp.example"]);
  });

  it("sends a form again after 307, turns it into a GET after 302, and follows formaction and form=", async () => {
    const { decide } = site({
      "GET /authorize": () =>
        '<form id="f" method="get"><input name="username"><input name="password" type="password"></form><button form="f" formmethod="post" formaction="/in">Log in</button>',
      "POST /in": () => to("/again", 307),
      "POST /again": ({ form }) => to(form.get("password") === PASSWORD ? "done?ok" : "/wrong", 302),
      "GET /done": () => to(CODE),
    });
    expect(await decide()).toMatchObject({ arrived: true, url: CODE });
  });

  it("chooses the password among the ways to sign in, and fills in forms of the type multipart", async () => {
    const { decide } = site({
      "GET /authorize": () =>
        '<form action="/google"><button>Sign in with Google</button></form><a href="/register">Register</a><a href="/by-mail">Sign in with e-mail</a>',
      "GET /by-mail": () =>
        '<form action="/search"><input name="q"><button>Search</button></form><form method="post" enctype="multipart/form-data" action="/in"><input name="x"><input type="password" name="y"><button>Go</button></form>',
      "POST /in": ({ form }) => (form.get("x") === USER && form.get("y") === PASSWORD ? to(CODE) : "wrong"),
    });
    expect(await decide()).toMatchObject({ arrived: true, url: CODE });
  });

  it("stays signed in for the next code, and signs in again when it is asked", async () => {
    let session = "s1";
    const { decide, log } = site({
      "GET /authorize": ({ cookie }) => (cookie === `session=${session}` ? to(CODE) : LOGIN),
      "POST /authorize": (sent) => signsIn(sent, to("/authorize?x=1", 303, [`session=${session}; Path=/`])),
    });
    await decide();
    await decide();
    session = "s2";
    expect((await decide()).arrived).toBe(true);
    expect(log.filter((line) => line.startsWith("POST"))).toHaveLength(2);
  });
});

describe("deciding", () => {
  const buttons: [what: string, html: string, allow: string, deny: string][] = [
    ["values", "<button name=d value=deny>A</button><button name=d value=allow>B</button>", "allow", "deny"],
    ["texts", "<button name=d value=0>Don't allow</button><button name=d value=1>Allow</button>", "1", "0"],
    [
      "inputs",
      "<input type=submit name=d value=Cancel><input type=submit name=d value=Authorize>",
      "Authorize",
      "Cancel",
    ],
    ["German", "<button name=d value=0>Nicht zulassen</button><button name=d value=1>Zulassen</button>", "1", "0"],
    ["French", "<button name=d value=0>Refuser</button><button name=d value=1>Autoriser</button>", "1", "0"],
    ["Spanish", "<button name=d value=0>Cancelar</button><button name=d value=1>Permitir</button>", "1", "0"],
    ["Italian", "<button name=d value=0>Annulla</button><button name=d value=1>Consenti</button>", "1", "0"],
    ["Japanese", "<button name=d value=0>キャンセル</button><button name=d value=1>許可する</button>", "1", "0"],
    [
      "weak",
      "<button name=d value=0>Use another account</button><button name=d value=2>No</button><button name=d value=1>Continue</button>",
      "1",
      "2",
    ],
    [
      "values beside one that changes the account",
      "<button name=d value=switch>Not you?</button><button name=d value=deny>いま</button><button name=d value=allow>リンク</button>",
      "allow",
      "deny",
    ],
  ];
  it.each(buttons)("recognizes both buttons by %s", async (_, html, allow, deny) => {
    const routes = { "GET /authorize": () => consent(html), "POST /consent": pressed("d") };
    expect(await site(routes).decide("allow")).toMatchObject({ url: `${CODE}&pressed=${allow}` });
    expect(await site(routes).decide("deny")).toMatchObject({ url: `${CODE}&pressed=${deny}` });
  });

  it("denies by a link where there is no button, after signing in", async () => {
    const { decide } = site({
      "GET /authorize": () => `${LOGIN}<a href="/abort">[ Cancel ]</a>`,
      "POST /authorize": (sent) => signsIn(sent, to("/consent")),
      "GET /consent": () =>
        '<form method=post><button>Continue</button></form><a href="/abort?of=consent">[ Cancel ]</a>',
      "GET /abort": ({ form }) => to(form.get("of") ? DENIED : "/wrong"),
    });
    expect(await decide("deny")).toMatchObject({ arrived: true, url: DENIED });
  });

  it("presses the button and fills in the fields that the options name", async () => {
    const { decide } = site(
      {
        "GET /authorize": () =>
          '<form method=post><input name="a"><input name="b"><input name="c"><button>Los</button></form>',
        "POST /authorize": ({ form }) => to(`/consent?${form}`),
        "GET /consent": ({ form }) => {
          expect([form.get("a"), form.get("b"), form.get("c")]).toEqual(["", USER, PASSWORD]);
          return consent("<button name=d value=x>Eins</button><button name=d value=y>Zwei</button>");
        },
        "POST /consent": pressed("d"),
      },
      { userField: "b", passwordField: "c", allowButton: { name: "d", value: "y" } },
    );
    expect(await decide()).toMatchObject({ url: `${CODE}&pressed=y` });
  });
});

describe("stopping", () => {
  const stops: [what: string, routes: Record<string, Route>, why: RegExp, signInTried: boolean][] = [
    [
      "a refused password",
      {
        "GET /authorize": () => LOGIN,
        "POST /authorize": () => `<h1>Welcome</h1><p role=alert>Wrong password</p>${LOGIN}`,
      },
      /sign-in page came back.*Wrong password.*"Welcome", https:\/\/link\.example\.com\/authorize, status 200/,
      true,
    ],
    [
      "a page that needs scripts",
      { "GET /authorize": () => "<title>App</title><script src=a.js></script>" },
      /needs JavaScript.*"App"/,
      false,
    ],
    [
      "a one-time code",
      { "GET /authorize": () => LOGIN.replace("<button", '<input name="otp"><button') },
      /asks for otp/,
      false,
    ],
    [
      "an error page",
      { "GET /authorize": () => new Response("<h1>Unknown client</h1>", { status: 400 }) },
      /refused.*"Unknown client".*status 400/,
      false,
    ],
    [
      "a server error",
      { "GET /authorize": () => new Response("<h1>Oops</h1>", { status: 500 }) },
      /server failed.*status 500/,
      false,
    ],
    [
      "a circle of pages",
      { "GET /authorize": () => "<form><button>Continue</button></form>" },
      /again and again/,
      false,
    ],
    ["a circle of redirects", { "GET /authorize": () => to("/authorize", 302) }, /30 steps/, false],
    ["another scheme", { "GET /authorize": () => to("acme://app?secret=1", 302) }, /led to acme:/, false],
    [
      "a password without TLS",
      { "GET /authorize": () => LOGIN.replace("<form", '<form action="http://link.example.com/in"') },
      /not sent.*without TLS/,
      false,
    ],
    [
      "an unknown page",
      { "GET /authorize": () => "<h1>Hello</h1>" },
      /nothing on the page was recognized.*--user-field/,
      false,
    ],
    [
      "another of Alexa's redirect URIs, which is not opened",
      { "GET /authorize": () => to("https://pitangui.amazon.com/api/skill/link/M1?code=secret") },
      /^the server redirected to https:\/\/pitangui\.amazon\.com\/api\/skill\/link\/M1 instead of the request's redirect URI$/,
      false,
    ],
  ];
  it.each(stops)("at %s it says why and where", async (_, routes, why, signInTried) => {
    const decided = await site(routes).decide();
    expect(decided).toMatchObject({ arrived: false, signInTried });
    expect("why" in decided && decided.why).toMatch(why);
    expect(JSON.stringify(decided)).not.toMatch(/x=1|secret=1|code=secret|example-password/);
  });

  it("a near miss of a redirect URI does not end the visit", async () => {
    const { decide } = site({
      "GET /authorize": () => to(`${REDIRECT}2?code=c1`),
      "GET layla.amazon.com/api/skill/link/M12": () => "<h1>Amazon</h1>",
    });
    expect(await decide()).toMatchObject({ arrived: false });
  });

  it("hostile pages are read in time that grows with their length only", async () => {
    for (const unit of [
      "<form>",
      "<input name=a>",
      "<label for=a>",
      "<a href=x>",
      "&amp;",
      "<!--",
      '<meta http-equiv=refresh content="1',
      "<",
    ]) {
      const { decide } = site({ "GET /authorize": () => unit.repeat(16_384 / unit.length) });
      expect(await decide()).toMatchObject({ arrived: false });
    }
  });

  it("pages that were seen are kept once each, for the checks of pages", async () => {
    const { decide, customer } = site({
      "GET /authorize": () => LOGIN,
      "POST /authorize": (sent) => signsIn(sent, to(CODE)),
    });
    await decide();
    await decide();
    expect(customer.pages?.().map(({ url, status }) => [url, status])).toEqual([[`${SITE}/authorize?x=1`, 200]]);
  });
});
