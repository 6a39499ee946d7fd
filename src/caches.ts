// What an isolate remembers for a minute: client rows and signing keys. A cached row may allow, never refuse.
import type { Client } from "./storage/clients/clients.ts";
import type { SigningKey, SigningKeys } from "./storage/maintenance/signing-keys.ts";

const CACHE_MS = 60_000;
const MAX_UNANSWERED = 1000;

interface Entry<T> {
  readonly value: T;
  readonly loadedAt: number;
}

/** Per app instance. Entries are replaced as a whole and never mutated. */
export class Caches {
  readonly #clients = new Map<string, Entry<Client>>();
  #keys: Entry<SigningKeys> | undefined;
  /** Keys that may have ended, by `kid`: only what is on record gets here, and a key never changes. */
  readonly recordedKeys = new Map<string, SigningKey>();
  readonly #unansweredClaims = new Set<string>();

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

  forgetClients(): void {
    this.#clients.clear();
  }

  signingKeys(now: number): SigningKeys | undefined {
    return this.#keys && now - this.#keys.loadedAt < CACHE_MS ? this.#keys.value : undefined;
  }

  rememberSigningKeys(keys: SigningKeys, now: number): void {
    this.#keys = { value: keys, loadedAt: now };
  }

  forgetSigningKeys(): void {
    this.#keys = undefined;
  }

  /** Claims on codes whose requests ended without an answer; the latest thousand. */
  rememberUnansweredClaim(claimId: string): void {
    if (this.#unansweredClaims.size >= MAX_UNANSWERED) {
      this.#unansweredClaims.delete(this.#unansweredClaims.keys().next().value as string);
    }
    this.#unansweredClaims.add(claimId);
  }

  isUnansweredClaim(claimId: string): boolean {
    return this.#unansweredClaims.has(claimId);
  }
}
