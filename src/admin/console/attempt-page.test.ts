// The page about one attempt: what happened, what did not, why, and what the customer saw, for every flow.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEMO, seedAccount } from "../../../test/support/accounts.ts";
import { admin } from "../../../test/support/admin.ts";
import { type Amazon, startAmazon } from "../../../test/support/amazon.ts";
import { appBearer } from "../../../test/support/app-bearer.ts";
import { type AppUser, appUser, seedLwa } from "../../../test/support/app-user.ts";
import {
  AUTHORIZE,
  decideOnTheWay,
  latestAttempt,
  type ShownAttempt,
  showAttempt,
} from "../../../test/support/attempts.ts";
import { query } from "../../../test/support/authorize.ts";
import { startAndApprove } from "../../../test/support/linking.ts";
import { insert } from "../../../test/support/rows.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  APP_CLIENT,
  APP_REDIRECT_URI,
  challengeOf,
  exchange,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
} from "../../../test/support/seeds.ts";
import { type Service, START, startService } from "../../../test/support/service.ts";
import { exchangeOfApp, HOUR, MINUTE, ok, VERIFIER } from "../../../test/support/tokens.ts";
import { Visitor } from "../../../test/support/visitor.ts";
import { ENABLEMENT_FAILURES } from "../../amazon/enablement-failures.ts";
import type { AttemptDetail } from "../../storage/maintenance/attempt-detail.ts";

import { seenBy } from "./attempt-line.ts";
import { ATTEMPT_TEXTS } from "./attempt-texts.ts";

let service: Service;
let amazon: Amazon;
let userId: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  userId = await seedAccount(service, DEMO);
  amazon = startAmazon(service);
});
afterEach(() => vi.restoreAllMocks());

const show = (id?: string, address?: string) => showAttempt(service, id, address);
const consented = (decision?: "allow" | "deny") => decideOnTheWay(service, decision);

/** Each entry of the line contains the words in the same place. */
function expectLine({ line }: ShownAttempt, words: readonly string[]): void {
  const fits = (text: string, word: string) =>
    text.startsWith("-") === word.startsWith("-") && text.includes(word.replace(/^-/, ""));
  expect(line.map((text, index) => (fits(text, words[index] ?? "?") ? words[index] : text))).toEqual(words);
}

const redeem = (code: string, redirectUri = ALEXA_REDIRECT_URIS[0]) =>
  service.request("/token", exchange(code, { redirect_uri: redirectUri }));

describe("an attempt from the Alexa app", () => {
  it("O4: that worked shows each step with its time, what was asked, and that AcceptGrant never came", async () => {
    const code = await consented();
    service.clock.advance(1500);
    await ok(redeem(code));
    const shown = await show(undefined, "?zone=Europe/Berlin");
    expect(shown.status).toBe(200);
    expectLine(shown, [
      `client ${ALEXA_CLIENT}, redirect URI ${ALEXA_REDIRECT_URIS[0]}, scopes profile devices:control, without PKCE, language en`,
      "The customer signed in",
      "The customer allowed access",
      "redeemed the code at /token",
      "-AcceptGrant never arrived here",
    ]);
    expect(shown.text).toContain("1.5 s after the previous step");
    expect(shown.text).toContain("the account has been linked");
    expect(shown.html).toContain(`<a href="/admin/customers/${userId}?zone=Europe%2FBerlin">${DEMO.email}</a>`);
    expect(shown.html).toContain(`<time datetime="${new Date(START).toISOString()}">2026-`);
  });

  it("O4: a step that did not happen is named for screen readers, not by its colour alone", async () => {
    await consented();
    const { html } = await show();
    expect(html).toMatch(/<li class="waiting"><p>Alexa has not come to \/token yet\.<span class="badge">not yet</);
    service.clock.advance(2 * HOUR);
    const over = await show();
    expect(over.html).toMatch(
      /<li class="missing"><p>Alexa never came to \/token\.<span class="badge">did not happen</,
    );
  });

  it("O4: that is open says how long it may take, and until when its code can be redeemed", async () => {
    await consented();
    service.clock.advance(MINUTE);
    const { text } = await show();
    expect(text).toMatch(
      /Still open\. It can still complete within 58 min 5\d s, until .*Its code can be redeemed until/,
    );
  });

  it("O4: says that Alexa never came to /token, and what the customer saw", async () => {
    await consented();
    service.clock.advance(2 * HOUR);
    await admin(service, "POST", "maintenance");
    const shown = await show();
    expectLine(shown, [
      "/authorize",
      "signed in",
      "allowed",
      "-Alexa never came to /token",
      "-AcceptGrant never arrived",
    ]);
    expect(shown.text).toContain("code not redeemed");
    expect(shown.text).toContain("It waited, and then said that it was unable to link");
    expect(shown.text).toContain("bot challenge");
  });

  it("O4: that the customer left before signing in, with a wrong password", async () => {
    const visitor = new Visitor(service);
    await visitor.submit(await visitor.open(AUTHORIZE), { email: DEMO.email, password: "wrong-password" });
    service.clock.advance(2 * HOUR);
    await admin(service, "POST", "maintenance");
    expectLine(await show(), [
      "/authorize",
      "The sign-in failed",
      "-The customer never signed in",
      "-did not decide",
      "-Alexa never came to /token",
      "-AcceptGrant never arrived",
    ]);
  });

  it("O4: that the customer declined did not go on for that reason", async () => {
    await consented("deny");
    expectLine(await show(), [
      "/authorize",
      "signed in",
      "declined",
      "-the customer declined",
      "-the customer declined",
    ]);
  });

  it("O4: says that the customer was already signed in", async () => {
    const visitor = new Visitor(service);
    await visitor.signIn(DEMO.email, DEMO.password);
    await visitor.submit(await visitor.open(AUTHORIZE), { decision: "allow" });
    expectLine(await show(), ["/authorize", "already signed in", "allowed", "-has not come", "-has not arrived"]);
  });

  it("O4: whose token request was refused shows the refusal in its place, with the reason", async () => {
    const code = await consented();
    expect((await redeem(code, ALEXA_REDIRECT_URIS[1])).status).toBe(400);
    await service.settled();
    const shown = await show();
    expectLine(shown, [
      "/authorize",
      "signed in",
      "allowed",
      "was refused: redirect uri mismatch. The response was 400 invalid_grant.",
      "-No request to /token has succeeded yet",
      "-AcceptGrant has not arrived",
    ]);
    expect(shown.text).toContain("issued for another redirect URI");
    expect(shown.text).toContain("The Alexa app said that it was unable to link the account");
  });

  it("O4: names refused token requests of its client at that time, such as a wrong secret", async () => {
    const code = await consented();
    const wrong = {
      client_secret: "wrong-secret",
      client_id: ALEXA_CLIENT,
      redirect_uri: ALEXA_REDIRECT_URIS[0] ?? "",
    };
    const body = new URLSearchParams({ grant_type: "authorization_code", code, ...wrong });
    expect((await service.request("/token", { method: "POST", body })).status).toBe(401);
    const shown = await show();
    expect(shown.text).toContain("Refused token requests that may belong to this attempt");
    expect(shown.text).toContain("invalid client 1");
    expect(shown.text).toContain("went back to the Alexa app, which has not redeemed the code");
    service.clock.advance(3 * HOUR);
    await consented();
    expect((await show()).text).not.toContain("invalid client");
  });

  it("O4: that is over does not name a token request that was refused later in the same minute", async () => {
    const code = await consented();
    await ok(redeem(code));
    service.clock.advance(2000);
    expect((await redeem("another-code")).status).toBe(400);
    const shown = await show();
    expect(shown.text).toContain("redeemed the code");
    expect(shown.text).not.toContain("may belong to it");
  });

  it("O4: that AcceptGrant undid says what the customer saw", async () => {
    await insert("attempts", {
      id: "refused",
      outcome: "linked",
      decision: "allow",
      steps: [
        { name: "consent_given", at: START },
        { name: "code_redeemed", at: START },
        { name: "event_gateway_refused:code_rejected", at: START + 900 },
      ],
    }).run();
    const shown = await show("refused");
    expectLine(shown, ["/authorize", "already", "allowed", "redeemed", "we responded with an error: code rejected"]);
    expect(shown.text).toContain("unable to link the account");
    expect(shown.text).toContain("AcceptGrant was refused (code_rejected)");
  });
});

describe("an attempt that we started", () => {
  let ada: AppUser;
  beforeEach(async () => {
    ada = await appUser(service, userId);
    service.clock.advance(1000);
  });

  it("O4: from the app shows the calls at Amazon, the region and the stage", async () => {
    const { id, state, code } = await startAndApprove(amazon, ada);
    await ok(ada.complete({ state, code }));
    expectLine(await show(id), [
      "POST /api/links",
      "was sent to Amazon",
      "Amazon sent the customer back",
      "Login with Amazon's response to the code: 200",
      "issued tokens",
      "(region NA) to enable the skill (development stage)",
      "redeemed the code",
      "(region NA) responded: 201 linked",
      "reported the skill as enabled",
      "-AcceptGrant never arrived",
    ]);
  });

  it("O4: that never came back from Amazon", async () => {
    const { id } = await ada.start();
    service.clock.advance(HOUR);
    await admin(service, "POST", "maintenance");
    const shown = await show(id);
    expectLine(shown, [
      "POST /api/links",
      "was sent to Amazon",
      "-Amazon never sent the customer back",
      "-Login with Amazon issued no tokens",
      "-enablement API was never called",
      "-Alexa never came to /token",
      "-Alexa never reported a link",
      "-AcceptGrant never arrived",
    ]);
    expect(shown.text).toContain("not completed");
  });

  it("O4: from the website names the sign-in, and the reason that the website got", async () => {
    const visitor = new Visitor(service);
    const signIn = await visitor.open(
      `/link/${SKILL_ID}?return_to=${encodeURIComponent("https://app.example.com/alexa/done")}`,
    );
    const page = await visitor.submit(signIn, { email: DEMO.email, password: DEMO.password });
    const { location } = await visitor.submit(page, { decision: "allow" });
    const state = new URL(location ?? "").searchParams.get("state") ?? "";
    await visitor.get(`/link/callback?state=${state}&error=invalid_scope`);
    const shown = await show();
    expectLine(shown, [
      "the link page of Acme Home",
      "signed in",
      "was sent to Amazon",
      "ended without a link",
      "-Amazon never sent the customer back with a code",
      "-no tokens",
      "-never called",
      "-never came to /token",
      "-never reported",
      "-never arrived",
    ]);
    expect(shown.text).toContain("status=failed and reason=amazon_denied");
    expect(shown.text).toContain("lacks the scope alexa::skills:account_linking");
  });
});

it("O4: an attempt that your app decided, and one of your app's own sign-in", async () => {
  const bearer = await appBearer(service, DEMO);
  const ask = async (body: object) =>
    (await (
      await service.request("/api/authorizations", {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      })
    ).json()) as { ticket: string };
  service.clock.advance(1000);
  const { ticket } = await ask({ query: query() });
  await ask({ query: query(), ticket, decision: "allow" });
  expectLine(await show(), [
    "POST /api/authorizations",
    "signed in to your app",
    "allowed",
    "-Alexa has not come to /token yet",
    "-AcceptGrant has not arrived",
  ]);

  service.clock.advance(1000);
  const visitor = new Visitor(service);
  await visitor.signIn(DEMO.email, DEMO.password);
  const request = { client_id: APP_CLIENT, redirect_uri: encodeURIComponent(APP_REDIRECT_URI), scope: "links" };
  const challenge = { code_challenge: await challengeOf(VERIFIER), code_challenge_method: "S256" };
  const page = await visitor.open(`/authorize?${query({ ...request, ...challenge })}`);
  const { location } = await visitor.submit(page, { decision: "allow" });
  const shown = await show();
  expectLine(shown, ["scopes links, with PKCE", "already signed in", "allowed", "-The app has not come to /token yet"]);
  const code = new URL(location ?? "").searchParams.get("code") ?? "";
  await ok(service.request("/token", exchangeOfApp(code)));
  expect((await show()).line.at(-1)).toContain("demo-app redeemed the code".replace("demo-app", APP_CLIENT));
});

it("O4: names the audit of the attempt and the end of its link", async () => {
  await ok(redeem(await consented()));
  const id = await latestAttempt();
  const grantId = String(await env.DB.prepare("SELECT grant_id FROM attempts WHERE id = ?").bind(id).first("grant_id"));
  await admin(service, "DELETE", `users/${userId}/links/${grantId}`);
  const { text } = await show(id);
  expect(text).toContain("grant revoked");
  expect(text).toContain("ended by operator");
});

it("O4: whatever the flow and the end, there is a text for what the customer saw", async () => {
  const attempt = { steps: [], reason: null } as unknown as AttemptDetail;
  for (const flow of ["alexa_app", "app_to_app", "website", "app_authorize", "oauth"] as const) {
    for (const outcome of ["pending", "linked", "failed", "abandoned"] as const) {
      expect(seenBy({ ...attempt, flow, outcome }, ATTEMPT_TEXTS), `${flow} ${outcome}`).toMatch(/^[A-Z].*\.$/);
    }
    for (const reason of [...Object.keys(ENABLEMENT_FAILURES), "wrong_user", "amazon_denied", "denied_by_user"]) {
      const seen = seenBy({ ...attempt, flow, outcome: "cancelled", reason, steps: [] }, ATTEMPT_TEXTS);
      if (reason.startsWith("enablement") && !["app_to_app", "website"].includes(flow)) continue;
      expect(seen, `${flow} ${reason}`).toMatch(/^[A-Z].*\.$/);
      expect(seen).not.toMatch(/[{}]|Unknown/);
    }
  }
});
