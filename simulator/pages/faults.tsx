// The page on which faults are switched on: what goes wrong in production, one tap each.
import type { Hono } from "hono";
import type { SimulatorContext, SimulatorEnv } from "../state/context.ts";
import { type Faults, faultsSchema } from "../state/faults.ts";
import { ActionButton, showPage } from "./layout.tsx";

interface Preset {
  readonly id: string;
  readonly label: string;
  readonly expect: string;
  readonly faults: unknown;
}

const GROUPS: readonly { readonly title: string; readonly presets: readonly Preset[] }[] = [
  {
    title: "How Alexa behaves",
    presets: [
      {
        id: "probe",
        label: "Another program opens the link first",
        expect: "A HEAD, a GET and a prefetch arrive before the customer. Linking still works.",
        faults: { authorize: { probe: true } },
      },
      {
        id: "long-state",
        label: "A state of 4,096 characters",
        expect: "It is returned unchanged.",
        faults: { authorize: { stateLength: 4096 } },
      },
      {
        id: "wrong-redirect",
        label: "An unknown redirect URI",
        expect: "The company shows an error page and does not redirect.",
        faults: { authorize: { wrongRedirectUri: true } },
      },
      {
        id: "parallel",
        label: "Five redemptions at once",
        expect: "Exactly one succeeds.",
        faults: { tokenClient: { parallel: 5 } },
      },
      {
        id: "resend",
        label: "The code is presented twice",
        expect: "The second redemption is refused, and the first tokens keep working.",
        faults: { tokenClient: { resend: true } },
      },
      {
        id: "impatient",
        label: "Alexa waits only 50 ms",
        expect: "Linking fails unless the token URL is very fast.",
        faults: { tokenClient: { limitMs: 50 } },
      },
      {
        id: "wrong-secret",
        label: "Alexa uses a wrong client secret",
        expect: "No customer can link. The operator’s console counts the refusals.",
        faults: { tokenClient: { wrongSecret: true } },
      },
      {
        id: "refresh-parallel",
        label: "Twenty refreshes at once",
        expect: "All succeed.",
        faults: { refresh: { parallel: 20 } },
      },
      {
        id: "refresh-lost",
        label: "The refresh response is lost",
        expect: "The same refresh token works again.",
        faults: { refresh: { lostResponse: true } },
      },
      {
        id: "events-forged",
        label: "Skill events with a wrong signature",
        expect: "They are refused with 400, and nothing changes.",
        faults: { events: { signature: "wrong" } },
      },
      {
        id: "events-late",
        label: "Skill events arrive half an hour late, and twice",
        expect: "They take effect once.",
        faults: { events: { lateSeconds: 1800, duplicate: true } },
      },
      {
        id: "accept-grant",
        label: "AcceptGrant with a bad code",
        expect: "The tokens are valid, but linking fails.",
        faults: { acceptGrant: { badCode: true } },
      },
    ],
  },
  {
    title: "How Amazon behaves",
    presets: [
      {
        id: "lwa-down",
        label: "Login with Amazon is down",
        expect: "Nothing is lost; the customer can try again.",
        faults: { lwa: 503 },
      },
      {
        id: "lwa-html",
        label: "A web page instead of JSON",
        expect: "A clear error, no crash.",
        faults: { lwa: "html" },
      },
      {
        id: "expires-text",
        label: "expires_in as a string",
        expect: "Linking works.",
        faults: { lwaResponse: { expiresInString: true } },
      },
      {
        id: "several",
        label: "Discovery names every region",
        expect: "They are tried in turn, each with a new code.",
        faults: { discoveryResponse: { endpoints: "several" } },
      },
      {
        id: "foreign",
        label: "Discovery names a foreign host",
        expect: "No token is ever sent to it.",
        faults: { discoveryResponse: { endpoints: "foreign" } },
      },
      {
        id: "forbidden",
        label: "Enablement returns 403",
        expect: "The customer sees that linking failed, the operator sees why.",
        faults: { enablement: { all: 403 } },
      },
      {
        id: "busy",
        label: "Enablement returns 429",
        expect: "The customer is asked to try again later.",
        faults: { enablement: { all: { mode: "status", status: 429, retryAfter: 5 } } },
      },
      {
        id: "api-down",
        label: "Alexa’s API is down",
        expect: "Linking fails with a reason. Unlinking works, and is completed at Amazon later.",
        faults: { enablement: { all: 503 } },
      },
      {
        id: "not-linked",
        label: "Enabled, but not linked",
        expect: "The attempt fails.",
        faults: { enablementResponse: { notLinked: true } },
      },
    ],
  },
  {
    title: "How add-ons of Alexa+ behave",
    presets: [
      {
        id: "mcp-without-s256",
        label: "Metadata without S256",
        expect: "The deploy command fails and names the rule. Customers keep the last version that was deployed.",
        faults: { addOnMetadata: { withoutS256: true } },
      },
      {
        id: "mcp-document-slash",
        label: "An extra slash in the resource document",
        expect: "The deploy command fails: resource must be equal byte for byte.",
        faults: { addOnMetadata: { resourceSlash: true } },
      },
      {
        id: "mcp-outdated",
        label: "The token endpoint has moved since the deploy",
        expect:
          "Alexa+ keeps the address that it cached: linking fails, and refreshing too. Deploy again, which turns this off.",
        faults: { addOnMetadata: { outdated: true } },
      },
      {
        id: "mcp-authorize-other",
        label: "Another resource in the authorization request",
        expect: "The company redirects with invalid_target. The customer sees that linking failed.",
        faults: { authorize: { resource: "other" } },
      },
      {
        id: "mcp-authorize-slash",
        label: "An extra slash in the authorization request’s resource",
        expect: "As above: a trailing slash matters.",
        faults: { authorize: { resource: "slash" } },
      },
      {
        id: "mcp-token-other",
        label: "Another resource in the token request",
        expect: "The token endpoint returns invalid_target. The customer sees that linking failed.",
        faults: { tokenClient: { resource: "other" } },
      },
      {
        id: "mcp-token-slash",
        label: "An extra slash in the token request’s resource",
        expect: "As above: a trailing slash matters.",
        faults: { tokenClient: { resource: "slash" } },
      },
      {
        id: "mcp-service-token",
        label: "The service token at a tool that needs a user",
        expect: "The MCP server returns 403 or 401 and shows no data. Alexa+ asks to link.",
        faults: { mcp: { serviceToken: true } },
      },
      {
        id: "mcp-refresh-refused",
        label: "The refresh is refused",
        expect: "After invalid_grant, Alexa+ deletes the link and what it showed, and asks to link again.",
        faults: { refresh: { refused: true } },
      },
      {
        id: "mcp-challenge",
        label: "A 401 with WWW-Authenticate",
        expect: "Amazon’s rule is a 401 without it. Alexa+ ignores the header, and linking works.",
        faults: { mcp: { wwwAuthenticate: true } },
      },
      {
        id: "mcp-slow",
        label: "A slow MCP server",
        expect:
          "Each response takes 800 ms longer. Alexa+ still shows it; this page’s checks report it as over the 500 ms budget.",
        faults: { mcp: { delayMs: 800 } },
      },
    ],
  },
];

export function addFaultPages(app: Hono<SimulatorEnv>): void {
  app.get("/faults", (c) => showFaults(c));
  app.post("/faults", async (c) => {
    const form = await c.req.parseBody();
    const preset = GROUPS.flatMap((group) => group.presets).find((each) => each.id === form.preset);
    c.var.store.faults = preset ? faultsSchema.parse(preset.faults) : {};
    return c.redirect("/faults", 303);
  });
}

function showFaults(c: SimulatorContext) {
  const { faults } = c.var.store;
  const active = Object.keys(faults).length > 0;
  return showPage(
    c,
    "Faults",
    "faults",
    <div class="stack">
      <h1>Inject faults</h1>
      <p class="soft">
        Each switch simulates something that happens in production. Turn one on, link again and read the requests. If
        linking fails, the service’s operator console (<code>/admin</code>) shows why. Programs can set these and more
        with <code>PUT /simulator/faults</code>.
      </p>
      {active && <Active faults={faults} />}
      <div class="grid three">
        {GROUPS.map((group) => (
          <section class="card stack">
            <h2>{group.title}</h2>
            <form method="post" action="/faults" class="grid">
              {group.presets.map((preset) => {
                const on = JSON.stringify(faults) === JSON.stringify(faultsSchema.parse(preset.faults));
                return (
                  <button
                    type="submit"
                    name="preset"
                    value={on ? "" : preset.id}
                    class="switch"
                    aria-pressed={on ? "true" : "false"}
                  >
                    <span class="knob" />
                    <span>
                      {preset.label}
                      <br />
                      <span class="small soft">{preset.expect}</span>
                    </span>
                  </button>
                );
              })}
            </form>
          </section>
        ))}
      </div>
    </div>,
  );
}

function Active({ faults }: { faults: Faults }) {
  return (
    <div class="card stack">
      <h2>Active faults</h2>
      <pre>{JSON.stringify(faults, null, 2)}</pre>
      <ActionButton action="/faults" label="Turn all off" look="plain slim" name="preset" value="" />
    </div>
  );
}
