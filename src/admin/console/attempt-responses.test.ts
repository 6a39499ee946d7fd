// What Amazon responded, on the time line of an attempt: taken along by writes that happen anyway.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../../test/support/admin.ts";
import { type Amazon, htmlResponse, jsonResponse, type Seen, timeOut } from "../../../test/support/amazon.ts";
import { type AppUser, rows } from "../../../test/support/app-user.ts";
import { showAttempt } from "../../../test/support/attempts.ts";
import { attemptRow, startAndApprove, startLinkingWorld } from "../../../test/support/linking.ts";
import { basic, SERVICE_CLIENT } from "../../../test/support/seeds.ts";
import type { Service } from "../../../test/support/service.ts";

let service: Service;
let amazon: Amazon;
let ada: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada } = await startLinkingWorld());
  service.clock.advance(1000);
});
afterEach(() => vi.restoreAllMocks());

type Reply = () => Response;

/** Amazon responds so to these requests, such as `enable EU`; a reply is used once, the last one again. */
function replies(plan: Readonly<Record<string, readonly Reply[]>>): void {
  const used = new Map<string, number>();
  amazon.faults.push((seen: Seen) => {
    const name = seen.region ? `${seen.what} ${seen.region}` : seen.what;
    const list = plan[name] ?? plan[seen.what];
    const at = used.get(name) ?? 0;
    used.set(name, at + 1);
    return list?.[Math.min(at, list.length - 1)]?.();
  });
}
const status =
  (value: number, body: object = { message: "text of Amazon's" }): Reply =>
  () =>
    jsonResponse(body, value);

async function steps(id: string): Promise<string[]> {
  const stored = JSON.parse((await attemptRow(id))?.steps ?? "[]") as { name: string }[];
  return stored.map(({ name }) => name);
}

/** The names of the responses among the steps of an attempt that was completed with these replies. */
async function responsesTo(plan: Readonly<Record<string, readonly Reply[]>>): Promise<{ id: string; names: string[] }> {
  replies(plan);
  const { id, state, code } = await startAndApprove(amazon, ada);
  await (await ada.complete({ state, code })).text();
  const names = (await steps(id)).filter((name) => name.includes(":"));
  return { id, names };
}

const ALL = { endpoints: ["api.amazonalexa.com", "api.eu.amazonalexa.com"] };

describe("what Amazon responded to a link that we started", () => {
  it("O4: is on the timeline of a successful attempt, without a separate write", async () => {
    const { id, names } = await responsesTo({});
    expect(names).toEqual(["lwa_response:200", "enablement_na_response:201 linked"]);
    const { line } = await showAttempt(service, id);
    const places = [
      "Login with Amazon's response to the code: 200",
      "Login with Amazon issued tokens",
      "(region NA) to enable",
      "redeemed the code at /token. The response was 200",
      "Alexa's enablement API (region NA) responded: 201 linked",
      "Alexa reported the skill as enabled",
    ].map((words) => line.findIndex((text) => text.includes(words)));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    const updates = service.meter.writes.filter(({ sql }) => /UPDATE attempts SET .*steps = /s.test(sql));
    // Amazon's code, its tokens, the enablement call, and the end; our own code's redemption is another request's.
    expect(updates.length).toBeLessThanOrEqual(5);
    const { body } = await admin(service, "GET", "linkings");
    expect(JSON.stringify(body)).toContain('{"name":"enablement_na_response:201 linked","at":"20');
  });

  it.each([
    ["the code is refused", { lwa: [status(400, { error: "invalid_grant" })] }, ["lwa_response:400 invalid_grant"]],
    ["our pair is refused", { lwa: [status(401, { error: "invalid_client" })] }, ["lwa_response:401 invalid_client"]],
    [
      "an error that is not known is not repeated",
      { lwa: [status(400, { error: "<b>made_up</b>" })] },
      ["lwa_response:400 another error"],
    ],
    ["LWA is down", { lwa: [status(503)] }, ["lwa_response:503"]],
    ["LWA throttles", { lwa: [status(429)] }, ["lwa_response:429"]],
    ["LWA does not respond", { lwa: [timeOut] }, ["lwa_response:none (timed_out)"]],
    ["LWA responds with a page", { lwa: [() => htmlResponse()] }, ["lwa_response:200 malformed"]],
    [
      "Alexa refuses the developer's stage",
      { "enable NA": [status(403)] },
      ["lwa_response:200", "enablement_na_response:403"],
    ],
    [
      "one region does not know the customer, the other refuses our code",
      {
        discovery: [() => jsonResponse(ALL)],
        "enable NA": [status(404)],
        "enable EU": [status(400, { message: "Invalid account linking credentials" })],
      },
      [
        "lwa_response:200",
        "enablement_na_response:404",
        "enablement_eu_response:400 Invalid account linking credentials",
      ],
    ],
    [
      "Alexa's own words are not repeated",
      { "enable NA": [status(400, { message: "Bearer Atza|token is bad" })] },
      ["lwa_response:200", "enablement_na_response:400"],
    ],
    [
      "Alexa does not respond, and reports no link when we ask",
      { "enable NA": [timeOut], "look NA": [status(404)] },
      ["lwa_response:200", "enablement_na_response:none (timed_out)", "enablement_na_look:not_found"],
    ],
    [
      "Alexa responds that it did not link",
      { "enable NA": [status(200, { accountLink: { status: "NOT_LINKED" } })], "look NA": [() => htmlResponse()] },
      ["lwa_response:200", "enablement_na_response:200 not linked", "enablement_na_look:unknown"],
    ],
    [
      "Alexa redirects",
      { "enable NA": [() => new Response(null, { status: 302, headers: { location: "https://evil.test" } })] },
      ["lwa_response:200", "enablement_na_response:none (redirected)", "enablement_na_look:not_found"],
    ],
  ] as const)("O4: %s", async (_, plan, names) => {
    const result = await responsesTo(plan);
    expect(result.names).toEqual(names);
    const { text, html } = await showAttempt(service, result.id);
    for (const name of names) expect(html).toContain(name.replaceAll("'", "&#39;"));
    expect(text).not.toMatch(/Atza|text of Amazon|evil/);
  });

  it("O4: a repeated run adds what the second one was responded; neither is lost or doubled", async () => {
    const { id, state, code } = await startAndApprove(amazon, ada);
    replies({ lwa: [status(503), () => htmlResponse(500)] });
    await (await ada.complete({ state, code })).text();
    await (await ada.complete({ state, code })).text();
    amazon.faults.length = 0;
    expect((await ada.complete({ state, code })).status).toBe(200);
    expect((await steps(id)).filter((name) => name.includes("_response"))).toEqual([
      "lwa_response:503",
      "lwa_response:500",
      "lwa_response:200",
      "enablement_na_response:201 linked",
    ]);
  });

  it("F2: a fault of the database behind the call keeps what was responded", async () => {
    const { id, state, code } = await startAndApprove(amazon, ada);
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("SET outcome = 'linked', grant_id"),
      throws: "before",
    });
    await (await ada.complete({ state, code })).text();
    expect((await steps(id)).slice(-2)).toEqual(["enablement_na_response:201 linked", "storage_fault"]);
  });
});

describe("what was responded to AcceptGrant", () => {
  const post = async (grantCode: string, token: string) =>
    (
      await service.request("/alexa/accept-grant", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: basic(SERVICE_CLIENT, "obviously-fake-secret-of-the-test-service"),
        },
        body: JSON.stringify({
          directive: {
            header: { namespace: "Alexa.Authorization", name: "AcceptGrant", messageId: "m", payloadVersion: "3" },
            payload: {
              grant: { type: "OAuth2.AuthorizationCode", code: grantCode },
              grantee: { type: "BearerToken", token },
            },
          },
        }),
      })
    ).text();

  it.each([
    ["that was accepted", () => jsonResponse({ access_token: "a", refresh_token: "r", expires_in: 3600 }), "200"],
    ["whose code was refused", status(400, { error: "invalid_grant" }), "400 invalid_grant"],
    ["while LWA was down", status(500), "500"],
    ["with another skill's pair", status(401, { error: "invalid_client" }), "401 invalid_client"],
  ])("O4: %s", async (_, reply, response) => {
    const { id, state, code } = await startAndApprove(amazon, ada);
    await (await ada.complete({ state, code })).text();
    const token = amazon.linked.get("amazon-account-1")?.access_token ?? "";
    replies({ lwa: [reply] });
    await post("ANfakeGrantCode", token);
    await service.settled();
    const names = await steps(id);
    expect(names.at(-2)).toBe(`event_gateway_response:${response}`);
    expect(names.at(-1)).toMatch(response === "200" ? /^event_gateway_granted$/ : /^event_gateway_refused:/);
    const { line } = await showAttempt(service, id);
    expect(line.at(-2)).toContain(`Login with Amazon's response to the code in AcceptGrant: ${response}.`);
    expect(await rows("SELECT 1 FROM attempts WHERE json_array_length(steps) > 40")).toEqual([]);
  });
});
