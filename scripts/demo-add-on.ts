// The demo add-on for Alexa+: registered at the service and at the simulator. Running it again changes nothing.
import { call, DEMO_VENDOR_ID, type DemoOptions, expectStatus } from "./demo.ts";

export const DEMO_ADD_ON_ID = "amzn1.ask.skill.0001-demo-add-on";
export const DEMO_ADD_ON_CLIENT_ID = "alexa-acme-notes";

export interface AddOnOptions extends Pick<DemoOptions, "service" | "simulator" | "adminToken"> {
  readonly clientSecret: string;
  /** The MCP server's URI. */
  readonly resource: string;
}

function addOnOf({ simulator, resource }: AddOnOptions) {
  return {
    id: DEMO_ADD_ON_ID,
    name: "Acme Notes",
    type: "add_on",
    stage: "development",
    vendorId: DEMO_VENDOR_ID,
    resource,
    extraRedirectUris: ["pitangui", "layla", "japan", "alexa"].map(
      (host) => `${simulator}/${host}/api/skill/link/${DEMO_VENDOR_ID}`,
    ),
    returnUrls: [`${simulator}/company/done`, `${simulator}/company/app/return`],
    scopes: [
      { name: "mcp:service", tier: "service" },
      {
        name: "mcp:tools",
        tier: "user",
        descriptions: { en: "List and add your notes", de: "Ihre Notizen auflisten und neue hinzufügen" },
      },
      {
        name: "mcp:resources",
        tier: "user",
        descriptions: { en: "Read your notes", de: "Ihre Notizen lesen" },
      },
    ],
  };
}

/** Registers the add-on, or changes its addresses when ports have changed. */
export async function registerAddOn(options: AddOnOptions): Promise<void> {
  const path = `/skills/${encodeURIComponent(DEMO_ADD_ON_ID)}`;
  const wanted = addOnOf(options);
  const present = await call(options, "GET", path);
  expectStatus(present, "reading the demo add-on", 200, 404);
  if (present.status === 404) {
    const client = { id: DEMO_ADD_ON_CLIENT_ID, secret: options.clientSecret };
    expectStatus(await call(options, "POST", "/skills", { ...wanted, client }), "creating the demo add-on", 201);
  } else {
    const { resource, extraRedirectUris, returnUrls } = wanted;
    const { json } = present;
    const before = { resource: json.resource, extraRedirectUris: json.extraRedirectUris, returnUrls: json.returnUrls };
    const addresses = { resource, extraRedirectUris, returnUrls };
    if (JSON.stringify(before) !== JSON.stringify(addresses)) {
      expectStatus(await call(options, "PATCH", path, addresses), "updating the demo add-on", 200);
    }
  }
}

/** Tells the simulated Alexa+ which add-on there is. */
export async function configureAlexaPlus({ simulator, clientSecret, resource }: AddOnOptions): Promise<void> {
  const response = await fetch(`${simulator}/simulator/add-on`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      addOnId: DEMO_ADD_ON_ID,
      name: "Acme Notes",
      resource,
      clientId: DEMO_ADD_ON_CLIENT_ID,
      clientSecret,
      vendorId: DEMO_VENDOR_ID,
      company: { name: "Acme", appClientId: "demo-app", returnUrl: `${simulator}/company/done` },
    }),
  });
  if (!response.ok) {
    throw new Error(`the simulator refused the demo add-on: ${response.status} ${await response.text()}`);
  }
}
