// A message under delivery is claimed: no other run sends it while the delivery may still succeed.
import { afterEach, expect, it, vi } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import { seedEveryone } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";
import { deliverWebhooks } from "./webhooks.ts";

const VARIABLES = {
  WEBHOOK_URL: "https://hooks.example.com/alexa-link",
  WEBHOOK_SECRET: `whsec_${Buffer.from("obviously-fake-webhook-key-00000").toString("base64")}`,
};
/** Of one delivery, and of recording its outcome. */
const LONGEST_MS = 5000 + 10_000;

afterEach(() => vi.restoreAllMocks());

it("a delivery that takes its whole time is not repeated by another run, and a dead one is after its claim", async () => {
  const ids: string[] = [];
  const waiting: ((response: Response) => void)[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    ids.push(new Request(input, init).headers.get("webhook-id") ?? "");
    return new Promise((respond) => waiting.push(respond));
  });
  const service = startService();
  await seedEveryone();
  await link(service);
  const rt = await runtimeOf(service, VARIABLES);
  const first = deliverWebhooks(rt);
  await vi.waitFor(() => expect(ids).toHaveLength(1));
  service.clock.advance(LONGEST_MS);
  expect(await deliverWebhooks(rt)).toBe(0);
  expect(ids).toHaveLength(1);
  service.clock.advance(60_000);
  const second = deliverWebhooks(rt);
  await vi.waitFor(() => expect(ids).toHaveLength(2));
  expect(ids[1]).toBe(ids[0]);
  for (const respond of waiting) respond(new Response(null, { status: 204 }));
  await Promise.all([first, second]);
  expect(await deliverWebhooks(rt)).toBe(0);
});
