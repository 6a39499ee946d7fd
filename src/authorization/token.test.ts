// The token endpoint over HTTP: codes, refreshes, wire format, client authentication.
import { beforeEach, describe, expect, it } from "vitest";
import { exchange, json, refresh, seedCode, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";

beforeEach(async () => {
  await seedSkill();
  await seedUser();
});

describe("code exchange", () => {
  it("answers with a complete token answer", async () => {
    const service = startService();
    const code = await seedCode();
    const response = await service.request("/token", exchange(code));
    expect(response.status).toBe(200);
    const answer = await json(response);
    expect(answer).toMatchObject({ token_type: "Bearer", expires_in: 3600, scope: "profile" });
    const again = await service.request("/token", refresh(answer.refresh_token));
    expect(again.status).toBe(200);
    expect((await json(again)).refresh_token).toBe(answer.refresh_token);
  });
});
