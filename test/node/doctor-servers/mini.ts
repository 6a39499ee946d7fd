// A small OAuth server, written without the helpers of the doctor and of the simulator: it signs people in at another
// origin, over two pages, keeps a session, asks for consent by links, and rotates refresh tokens with an overlap.
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { CLIENT, type ForeignServer, PERSON, REDIRECT_URIS } from "./foreign-server.ts";
import {
  APP_LINK,
  ASSET_LINK,
  form,
  html,
  json,
  type MiniFault,
  type MiniOptions,
  opened,
  type PageOptions,
  signed,
} from "./mini-parts.ts";

interface Link {
  readonly person: string;
  readonly clientId: string;
  readonly number: number;
  newest: number;
  used: number;
  ended: boolean;
}

interface Pending {
  readonly link: Link;
  readonly redirect: string;
  readonly challenge: string;
  readonly until: number;
}

/** Starts the server and its sign-in host, each on a loopback port of its own. */
export async function startMini(options: MiniOptions = {}): Promise<ForeignServer> {
  const mini = new Mini(options);
  const shop = await listen((request, response) => mini.serve(request, response));
  const login = await listen((request, response) => mini.login(request, response));
  mini.shop = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  mini.accounts = `http://127.0.0.1:${(login.address() as AddressInfo).port}`;
  return {
    issuer: mini.shop,
    async close() {
      for (const server of [shop, login]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>) {
  const server: Server = createServer((request, response) => {
    handle(request, response).catch(() => response.writeHead(500).end("internal"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

class Mini {
  shop = "";
  accounts = "";
  readonly #options: MiniOptions;
  readonly #links: Link[] = [];
  readonly #codes = new Map<string, Pending | "used">();
  readonly #sessions = new Set<string>();

  constructor(options: MiniOptions) {
    this.#options = options;
  }

  #is(...faults: MiniFault[]): boolean {
    return this.#options.fault !== undefined && faults.includes(this.#options.fault);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const url = new URL(request.url ?? "/", this.shop);
    if (this.#is("challenges robots") && !/Mozilla/.test(request.headers["user-agent"] ?? "")) {
      return html(response, 403, "Just a moment...", "<p>Checking your browser</p>");
    }
    switch (url.pathname) {
      case "/.well-known/oauth-authorization-server":
        return this.#options.silent ? json(response, 404, { error: "not_found" }) : this.#metadata(response);
      case "/connect/start":
        return this.#start(request, response, url);
      case "/connect/decide":
        return this.#decide(request, response, url);
      case "/connect/token":
        return this.#token(request, response);
      case "/connect/forget":
        return this.#forget(request, response);
      case "/apple-app-site-association":
      case "/.well-known/apple-app-site-association":
      case "/.well-known/assetlinks.json":
        return this.#association(response, url);
    }
    return json(response, 404, { error: "not_found" });
  }

  #metadata(response: ServerResponse): void {
    const methods = this.#options.authentication ?? ["client_secret_basic", "client_secret_post"];
    json(response, 200, {
      issuer: this.#is("names another issuer") ? "https://old.example.com" : this.shop,
      authorization_endpoint: `${this.shop}/connect/start`,
      token_endpoint: `${this.shop}/connect/token`,
      revocation_endpoint: `${this.shop}/connect/forget`,
      response_types_supported: ["code"],
      grant_types_supported: ["authorization_code", "refresh_token"],
      token_endpoint_auth_methods_supported: methods,
      ...(!this.#is("does not name S256") && { code_challenge_methods_supported: ["S256"] }),
    });
  }

  #association(response: ServerResponse, { pathname }: URL): unknown {
    if (pathname.endsWith("assetlinks.json")) return json(response, 200, [ASSET_LINK]);
    if (this.#is("redirects the association file")) {
      return void response.writeHead(302, { location: `${this.accounts}/aasa` }).end();
    }
    const type = this.#is("sends the association file as text") ? "text/plain" : "application/json";
    response.writeHead(200, { "content-type": type }).end(JSON.stringify({ applinks: { details: [APP_LINK] } }));
  }

  async #start(request: IncomingMessage, response: ServerResponse, url: URL): Promise<unknown> {
    const asked = Object.fromEntries(url.searchParams);
    const { redirect_uri: redirect = "" } = asked;
    const allowed = this.#is("knows three redirect hosts") ? REDIRECT_URIS.slice(0, 3) : REDIRECT_URIS;
    const known = this.#is("compares the beginning of the redirect URI")
      ? allowed.some((uri) => redirect.startsWith(uri))
      : allowed.includes(redirect);
    if (asked.client_id !== CLIENT.id) return html(response, 400, "Unknown app", "<p>We do not know this app.</p>");
    if (!known) {
      if (this.#is("redirects errors to unknown addresses")) {
        return this.#back(response, redirect, { error: "invalid_request", state: asked.state ?? "" });
      }
      return html(response, 400, "Wrong address", "<p>This app may not return to that address.</p>");
    }
    const state = asked.state ?? "";
    if (asked.response_type !== "code") {
      return this.#back(response, redirect, { error: "unsupported_response_type", state });
    }
    const method = asked.code_challenge_method ?? "plain";
    if (asked.code_challenge !== undefined && method !== "S256") {
      return this.#back(response, redirect, { error: "invalid_request", state });
    }
    const session = /(?:^|; )shop=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? "";
    if (request.method === "HEAD") return response.writeHead(200, { "content-type": "text/html" }).end();
    const ticket = url.searchParams.get("ticket");
    if (ticket !== null && opened(ticket)?.person === PERSON.name) {
      const name = randomBytes(12).toString("hex");
      this.#sessions.add(name);
      url.searchParams.delete("ticket");
      const cookie = `shop=${name}; Path=/connect; HttpOnly; SameSite=Lax`;
      return response.writeHead(302, { location: url.pathname + url.search, "set-cookie": cookie }).end();
    }
    if (!this.#sessions.has(session)) {
      const location = `${this.accounts}/hello?back=${encodeURIComponent(this.shop + url.pathname + url.search)}`;
      return response.writeHead(302, { location }).end();
    }
    const { client_id: clientId, code_challenge: challenge = "" } = asked;
    const slip = signed({ clientId, redirect, state, challenge, session });
    if (this.#options.asksByForm) {
      const buttons = `<button name="say" value="yes">Allow</button><button name="say" value="no">Not now</button>`;
      const slipField = `<input type="hidden" name="slip" value="${slip}">`;
      return html(response, 200, "Link with Alexa?", form("/connect/decide", slipField + buttons));
    }
    const link = (word: string, text: string) =>
      `<p><a role="button" href="/connect/decide?slip=${slip}&amp;say=${word}">${text}</a></p>`;
    html(response, 200, "Link with Alexa?", `${link("yes", "Allow")}${link("no", "No, thanks")}`);
  }

  async #decide(request: IncomingMessage, response: ServerResponse, url: URL): Promise<unknown> {
    const searchParams = request.method === "POST" ? new URLSearchParams(await text(request)) : url.searchParams;
    const slip = opened(searchParams.get("slip") ?? "");
    if (!slip || !this.#sessions.has(slip.session))
      return html(response, 400, "Too late", "<p>Please start again.</p>");
    const { redirect, state, challenge, clientId } = slip;
    if (searchParams.get("say") !== "yes") {
      if (this.#is("denies without a redirect")) return html(response, 200, "Goodbye", "<p>Nothing was linked.</p>");
      return this.#back(response, redirect, { error: "access_denied", state });
    }
    const link = { person: PERSON.name, clientId, number: this.#links.length, newest: 0, used: 0, ended: false };
    if (this.#is("ends the first link by the second")) for (const each of this.#links) each.ended = true;
    this.#links.push(link);
    const code = signed({ link: link.number, salt: randomBytes(9).toString("base64url") });
    this.#codes.set(code, { link, redirect, challenge, until: Date.now() + 300_000 });
    return this.#back(response, redirect, { state, code });
  }

  #back(response: ServerResponse, redirect: string, parameters: Readonly<Record<string, string>>): void {
    let state = parameters.state ?? "";
    if (this.#is("makes a space of a plus in state")) state = state.replaceAll("+", " ");
    if (this.#is("loses the padding of state")) state = state.replace(/=+$/, "");
    if (this.#is("cuts state")) state = state.slice(0, 255);
    const query = new URLSearchParams({ ...parameters, state });
    const location = `${redirect}${this.#is("sends the code in the fragment") ? "#" : "?"}${query}`;
    response.writeHead(this.#is("redirects with 307") ? 307 : 302, { location }).end();
  }

  /** The sign-in host: the name first, then the password, then back with a signed ticket. */
  async login(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const url = new URL(request.url ?? "/", this.accounts);
    const back = url.searchParams.get("back") ?? "";
    if (!back.startsWith(`${this.shop}/`)) return html(response, 400, "Wrong address", "<p>Please start again.</p>");
    const given = new URLSearchParams(request.method === "POST" ? await text(request) : "");
    const action = `/hello?back=${encodeURIComponent(back)}`;
    const name = given.get("j_username");
    const options: PageOptions = {
      ...(this.#is("forbids the redirect by its policy") && { policy: "form-action 'self'" }),
      ...(this.#is("shows a page that needs a wide screen") && { wide: true }),
    };
    if (name === null) {
      const more = this.#is("opens a pop-up") ? `<a target="_blank" href="/help">Help</a>` : "";
      const field = `<label>E-mail or phone <input name="j_username" autocomplete="username"></label>`;
      return html(response, 200, "Hello", form(action, `${field}<button>Next</button>`) + more, options);
    }
    if (name === PERSON.name && given.get("j_password") === PERSON.password) {
      const location = `${back}&ticket=${signed({ person: name })}`;
      return response.writeHead(302, { location }).end();
    }
    const wrong = given.has("j_password") ? `<p role="alert">That was not right.</p>` : "";
    const fields = `${wrong}<input type="hidden" name="j_username" value="${encodeURI(name)}">
<label>Password <input type="password" name="j_password"></label><button>Continue</button>`;
    html(response, wrong ? 401 : 200, "Your password", form(action, fields), options);
  }

  async #token(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const form = new URLSearchParams(await text(request));
    if (request.method !== "POST") return json(response, 405, { error: "invalid_request" });
    if (this.#is("wants cookies at the token endpoint") && !request.headers.cookie) {
      return json(response, 403, { error: "no_session" });
    }
    const client = this.#clientOf(request, form);
    if (client === undefined) {
      response.setHeader("www-authenticate", 'Basic realm="shop"');
      return this.#refuse(response, "invalid_client", 401);
    }
    for (const name of new Set(form.keys())) {
      if (form.getAll(name).length > 1) return this.#refuse(response, "invalid_request");
    }
    const grantType = form.get("grant_type");
    if (this.#is("is slow at the token endpoint")) await new Promise((resolve) => setTimeout(resolve, 4600));
    if (grantType === "authorization_code") return this.#exchange(response, form, client);
    if (grantType === "refresh_token") return this.#refresh(response, form, client);
    return this.#refuse(response, grantType ? "unsupported_grant_type" : "invalid_request");
  }

  #refuse(response: ServerResponse, error: string, status = 400): void {
    json(response, status, { error });
  }

  #clientOf(request: IncomingMessage, form: URLSearchParams): string | undefined {
    const methods = this.#options.authentication ?? ["client_secret_basic", "client_secret_post"];
    const header = request.headers.authorization;
    const inBody = form.get("client_secret");
    let [id, secret] = [form.get("client_id") ?? "", inBody ?? ""];
    if (header !== undefined) {
      if (inBody !== null || !methods.includes("client_secret_basic")) return undefined;
      if (this.#is("takes the body only, and says both")) return undefined;
      const [user = "", ...rest] = Buffer.from(header.replace(/^Basic /i, ""), "base64")
        .toString()
        .split(":");
      [id, secret] = [decodeURIComponent(user), decodeURIComponent(rest.join(":"))];
    } else if (!methods.includes("client_secret_post") || this.#is("takes Basic only, and says both")) {
      return undefined;
    } else if (
      this.#is("refuses a refresh with the secret in the body") &&
      form.get("grant_type") === "refresh_token"
    ) {
      return undefined;
    }
    if (this.#is("takes the code of another client", "gives refresh tokens to any client") && id !== CLIENT.id)
      return id;
    return id === CLIENT.id && (secret === CLIENT.secret || this.#is("takes any secret")) ? id : undefined;
  }

  #exchange(response: ServerResponse, form: URLSearchParams, client: string): unknown {
    const code = form.get("code") ?? "";
    const pending = this.#codes.get(code);
    const twice = this.#is("takes a code twice");
    if (pending === undefined && this.#is("fails with status 500 for an unknown code")) {
      return json(response, 500, { error: "server_error" });
    }
    if (pending === "used") opened(code) && this.#endLink(opened(code).link);
    if (pending === undefined || pending === "used" || pending.until < Date.now()) {
      return this.#refuse(response, "invalid_grant");
    }
    const sameClient = pending.link.clientId === client || this.#is("takes the code of another client");
    const sameRedirect =
      pending.redirect === form.get("redirect_uri") ||
      this.#is("does not compare the redirect URI at the token endpoint");
    if (!sameClient || !sameRedirect || !this.#verifies(pending.challenge, form.get("code_verifier"))) {
      return this.#refuse(response, "invalid_grant");
    }
    if (!twice) this.#codes.set(code, "used");
    this.#grant(response, pending.link);
  }

  #verifies(challenge: string, verifier: string | null): boolean {
    if (this.#is("ignores the code verifier") && verifier !== null) return true;
    if (verifier === null) return challenge === "" || this.#is("takes a code without its verifier");
    return createHash("sha256").update(verifier).digest("base64url") === challenge;
  }

  #endLink(number: number): void {
    const link = this.#links[number];
    if (link) link.ended = true;
  }

  #refresh(response: ServerResponse, form: URLSearchParams, client: string): unknown {
    const token = opened(form.get("refresh_token") ?? "");
    const link = this.#links[token?.link];
    const mine = link?.clientId === client || this.#is("gives refresh tokens to any client");
    if (!link || link.ended || !mine || token.kind !== "refresh") return this.#refuse(response, "invalid_grant");
    if (this.#options.rotates || this.#is("rotates strictly")) {
      if (token.turn < link.used || (this.#is("rotates strictly") && token.turn < link.newest)) {
        return this.#refuse(response, "invalid_grant");
      }
      link.used = token.turn;
      link.newest++;
    }
    this.#grant(response, link);
  }

  #grant(response: ServerResponse, link: Link): void {
    const token = (kind: string) =>
      signed({ kind, link: link.number, turn: link.newest, salt: randomBytes(9).toString("base64url") });
    const expires = this.#is("sends expires_in in milliseconds") ? 3_600_000 : 3600;
    const tokens = {
      access_token: token("access"),
      ...(!this.#is("names no token type") && { token_type: "bearer" }),
      expires_in: this.#is("sends expires_in as a string") ? String(expires) : expires,
      ...(!this.#is("sends no refresh token") && { refresh_token: token("refresh") }),
    };
    const type = this.#is("sends tokens as HTML") ? "text/html" : "application/json";
    const caching = this.#is("lets tokens be cached") ? "max-age=600" : "no-store";
    response.writeHead(200, { "content-type": type, "cache-control": caching }).end(JSON.stringify(tokens));
  }

  async #forget(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const form = new URLSearchParams(await text(request));
    const client = this.#clientOf(request, form);
    if (client === undefined) return json(response, 401, { error: "invalid_client" });
    const link = this.#links[opened(form.get("token") ?? "")?.link];
    if (link?.clientId === client && !this.#is("does not revoke")) link.ended = true;
    return response.writeHead(200).end();
  }
}
