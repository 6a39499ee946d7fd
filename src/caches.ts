// Client rows, signing keys, the scopes of all skills and style sheets, cached per isolate. A cached client may allow
// a request, never refuse it.
import type { Client } from "./storage/clients/clients.ts";
import type { SigningKey } from "./storage/maintenance/signing-keys.ts";

const CACHE_MS = 60_000;
/** Clients of the metadata add their own cache: half a minute each, so that it is at most a minute late. */
export const SKILL_SCOPES_CACHE_MS = 30_000;

interface Entry<T> {
  readonly value: T;
  readonly loadedAt: number;
}

/** Per app instance. Entries are replaced as a whole and never mutated. */
export class Caches {
  readonly #clients = new Map<string, Entry<Client>>();
  #keys: Entry<readonly SigningKey[]> | undefined;
  #skillScopes: Entry<readonly string[]> | undefined;
  /** Keys that may have ended, by `kid`. Only keys on record get here, and a key never changes. */
  readonly recordedKeys = new Map<string, SigningKey>();
  /** CSS of pages and its source for the CSP, by brand colour and additions. Complete ones only. */
  readonly styles = new Map<string, { readonly css: string; readonly source: string }>();

  /** The client's row if it was read within the last minute. */
  client(id: string, now: number): Client | undefined {
    const entry = this.#clients.get(id);
    return entry && now - entry.loadedAt < CACHE_MS ? entry.value : undefined;
  }

  rememberClient(id: string, client: Client | undefined, now: number): void {
    if (!client) this.#clients.delete(id);
    else {
      // Ids come from requests, but only rows that exist get here: the map grows with the deployment, not with traffic.
      this.#clients.set(id, { value: client, loadedAt: now });
    }
  }

  /** After a client or a skill was written. */
  forgetRegistrations(): void {
    this.#clients.clear();
    if (this.#skillScopes) this.#skillScopes = { ...this.#skillScopes, loadedAt: Number.NEGATIVE_INFINITY };
  }

  /** The names of all skills' scopes if they were read within the last half minute; without `now` the last known. */
  skillScopes(now?: number): readonly string[] | undefined {
    const entry = this.#skillScopes;
    return entry && (now === undefined || now - entry.loadedAt < SKILL_SCOPES_CACHE_MS) ? entry.value : undefined;
  }

  rememberSkillScopes(names: readonly string[], now: number): void {
    this.#skillScopes = { value: names, loadedAt: now };
  }

  signingKeys(now: number): readonly SigningKey[] | undefined {
    return this.#keys && now - this.#keys.loadedAt < CACHE_MS ? this.#keys.value : undefined;
  }

  rememberSigningKeys(keys: readonly SigningKey[], now: number): void {
    this.#keys = { value: keys, loadedAt: now };
  }

  forgetSigningKeys(): void {
    this.#keys = undefined;
  }
}
