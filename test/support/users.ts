// Accounts that tests sign in with, created by the function that the admin API uses.
import { env } from "cloudflare:workers";
import type { Runtime } from "../../src/runtime.ts";
import { createPasswordUser } from "../../src/sign-in/accounts.ts";
import type { Service } from "./service.ts";

export const EMAIL = "ada@example.com";
export const PASSWORD = "correct-horse-1";

/** The part of a runtime that the sign-in functions need. */
export async function runtimeOf(service: Service, passwordIterations = 1000): Promise<Runtime> {
  return {
    db: env.DB,
    keyring: await service.keyring(),
    now: () => service.clock.now,
    config: { passwordIterations },
  } as unknown as Runtime;
}

/** Creates a password account; returns its id. */
export async function addUser(service: Service, email = EMAIL, password = PASSWORD): Promise<string> {
  const made = await createPasswordUser(await runtimeOf(service), { email, password, name: "Ada" });
  if (!("user" in made)) throw new Error(made.refused);
  return made.user.id;
}
