// Accounts with a password, created by the function that the admin API uses.
import { createKeyring } from "../../src/crypto/keyring.ts";
import { parseConfig } from "../../src/env.ts";
import type { Runtime } from "../../src/runtime.ts";
import { createPasswordUser } from "../../src/sign-in/accounts.ts";
import type { Service } from "./service.ts";

export interface Account {
  readonly email: string;
  readonly password: string;
}

export const DEMO: Account = { email: "demo@example.com", password: "demo-password-1" };

/** Creates an account; returns its user id. */
export async function seedAccount(service: Service, account: Account): Promise<string> {
  const config = parseConfig({
    ISSUER: "https://link.example.com",
    MASTER_KEY: "A".repeat(43),
    PASSWORD_ITERATIONS: "1000",
  });
  const keyring = await createKeyring(config.masterKey);
  const runtime = { config, keyring, db: service.env.DB, now: () => service.clock.now } as unknown as Runtime;
  const made = await createPasswordUser(runtime, { ...account, name: "Demo Customer" });
  if ("refused" in made) throw new Error(`account refused: ${made.refused}`);
  service.meter.clear();
  return made.user.id;
}
