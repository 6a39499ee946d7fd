// A simulator with a configured add-on and a fake MCP server behind it, for the tests of Alexa+.
import { amazonRedirectUri, REDIRECT_HOSTS, type RedirectHost } from "../library/authorization-request.ts";
import type { Check } from "../library/checks.ts";
import type { Exchange } from "../state/exchange.ts";
import { type AddOnDefect, createFakeAddOn, RESOURCE } from "./fake-add-on.ts";
import { SIMULATOR, simulatorBeside, VENDOR } from "./test-simulator.ts";

const CLIENT = { clientId: "alexa-notes", clientSecret: "example-notes-secret" };
const HOSTS = Object.keys(REDIRECT_HOSTS) as RedirectHost[];

export interface Ran {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly results?: readonly string[];
}

export function addOn(changes: Record<string, unknown> = {}) {
  return {
    addOnId: "amzn1.ask.skill.0002-notes",
    name: "Acme Notes",
    resource: RESOURCE,
    ...CLIENT,
    vendorId: VENDOR,
    ...changes,
  };
}

/** Starts a simulator with an add-on; `defect` is that of the company. */
export async function startAddOn(defect?: AddOnDefect, changes: Record<string, unknown> = {}) {
  const redirectUris = HOSTS.flatMap((host) => [
    `${SIMULATOR}/${host}/api/skill/link/${VENDOR}`,
    amazonRedirectUri(host, VENDOR),
  ]);
  const company = createFakeAddOn({ ...CLIENT, redirectUris }, defect);
  const { call, json } = simulatorBeside(company as unknown as Fetcher);
  const configured = await call("/simulator/add-on", { method: "PUT", body: JSON.stringify(addOn(changes)) });
  if (!configured.ok) throw new Error(await configured.text());
  const html = async () => (await call("/alexa-plus")).text();
  /** The page's text, without the recorded requests. */
  const page = async () =>
    (await html()).replace(/<style>[\s\S]*?<\/style>|<ol class="steps">[\s\S]*?<\/ol>|<[^>]+>/g, " ");

  return {
    call,
    json,
    company,
    html,
    page,
    faults: (faults: Record<string, unknown>) => json("PUT", "/simulator/faults", faults),
    exchanges: async () => (await json<{ items: Exchange[] }>("GET", "/simulator/exchanges")).items,
    /** Runs a scenario as one customer of the company; the fake takes any e-mail address. */
    run: (scenario: string, options: Record<string, unknown> = {}) =>
      json<Ran>("POST", "/simulator/run", {
        scenario,
        signIn: { email: "ann@example.com", password: "unused" },
        ...options,
      }),
    /** Presses a button of the page and returns the page after it. */
    async press(button: string, form: Record<string, string> = {}): Promise<string> {
      const body = new URLSearchParams(form);
      await call(`/alexa-plus/${button}`, { method: "POST", body });
      return page();
    },
    /** Opens the phone's page of the newest attempt, allows there, and returns Alexa's page. */
    async linkOnPhone(email = "ann@example.com", decision = "allow"): Promise<string> {
      const address = /\/alexa-plus\/phone\/[\w-]+/.exec(await page())?.[0] ?? "";
      const url = (await call(address)).headers.get("location") ?? "";
      const first = await company.fetch(url, { redirect: "manual" });
      const decided =
        first.status === 200
          ? await company.fetch(url, { method: "POST", body: new URLSearchParams({ email, decision }) })
          : first;
      return (await call(decided.headers.get("location") ?? "/nowhere")).text();
    },
  };
}
