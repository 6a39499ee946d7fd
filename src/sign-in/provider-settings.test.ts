// An identity provider that cannot be used: each cause has its own message for operators and for customers.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  comeBack,
  DISCOVERY,
  leave,
  metadata,
  OIDC,
  type Providers,
  signInThere,
  standInForProviders,
} from "../../test/support/providers.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";

const ISSUER = OIDC.OIDC_ISSUER;
const page = () => new Response("<!doctype html><h1>Welcome</h1>", { headers: { "content-type": "text/html" } });

let service: Service;
let providers: Providers;
let lines: string[];

beforeEach(async () => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
  service = startService(OIDC);
  providers = await standInForProviders(() => Math.floor(service.clock.now / 1000));
});
afterEach(() => vi.restoreAllMocks());

async function attempt(): Promise<{ status: number; html: string }> {
  const ada = visit(service);
  const start = await ada.get("/sign-in");
  return ada.post("/sign-in", start.hidden("/sign-in"));
}

async function alerts(): Promise<{ kind: string; details: string }[]> {
  return (
    await env.DB.prepare("SELECT kind, details FROM audit WHERE alert = 1").all<{ kind: string; details: string }>()
  ).results;
}

it.each<[string, () => Response | Promise<Response>, string, string, string]>([
  [
    "another issuer",
    () => Response.json({ ...metadata(), issuer: `${ISSUER}/` }),
    "provider_issuer_differs",
    `OIDC_ISSUER is ${ISSUER}, the provider says ${ISSUER}/`,
    "not set up correctly (provider_issuer_differs)",
  ],
  [
    "HTML",
    page,
    "provider_metadata_unusable",
    "status 200, no JSON",
    "not set up correctly (provider_metadata_unusable)",
  ],
  [
    "404",
    () => new Response(null, { status: 404 }),
    "provider_metadata_unusable",
    "status 404",
    "not set up correctly (provider_metadata_unusable)",
  ],
  [
    "other JSON",
    () => Response.json([]),
    "provider_metadata_unusable",
    "no OpenID metadata",
    "not set up correctly (provider_metadata_unusable)",
  ],
  [
    "an endpoint without https",
    () => Response.json({ ...metadata(), jwks_uri: "http://id.example.com/keys" }),
    "provider_metadata_unusable",
    "not https",
    "not set up correctly (provider_metadata_unusable)",
  ],
  ["500", () => new Response(null, { status: 500 }), "provider_unreachable", "status 500", "possible right now"],
  ["503", () => new Response(null, { status: 503 }), "provider_unreachable", "status 503", "possible right now"],
  [
    "no response",
    () => Promise.reject(new TypeError("refused")),
    "provider_unreachable",
    "openid-configuration",
    "possible right now",
  ],
])(
  "O10: a provider with %s is named in the log, at /admin and on the page",
  async (_, respond, kind, details, text) => {
    const good = providers.endpoints[DISCOVERY]!;
    providers.endpoints[DISCOVERY] = respond;
    for (let i = 0; i < 3; i++) {
      const { status, html } = await attempt();
      expect([status, html]).toEqual([503, expect.stringContaining(text)]);
      if (kind !== "provider_unreachable") expect(html).not.toContain("possible right now");
    }
    expect(await alerts()).toEqual([{ kind, details: expect.stringContaining(details) }]);
    const logged = lines.filter((line) => line.includes(`"level":"alert","event":"${kind}"`));
    expect(logged).toEqual([expect.stringContaining(JSON.stringify(details).slice(1, -1))]);
    providers.endpoints[DISCOVERY] = good;
    expect((await signInThere(providers, visit(service))).status).toBe(303);
    // The old cause is forgotten: the next failure is another one.
    const ada = visit(service);
    const away = await leave(ada);
    providers.endpoints["id.example.com/token"] = () => new Response(null, { status: 503 });
    const back = await comeBack(ada, away);
    expect([back.status, back.html]).toEqual([503, expect.stringContaining("possible right now")]);
  },
);
