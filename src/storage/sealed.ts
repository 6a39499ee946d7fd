// Opens sealed values of D1. One that does not open is a wrong setting: never a wrong password or a lost link.
import { type Keyring, type Opened, type Purpose, sealedUnder } from "../crypto/keyring.ts";
import { StorageFault } from "./sql.ts";

/** What opens sealed values, and where a failure is logged. */
export interface Opener {
  readonly keyring: Keyring;
  readonly log: { alert(event: string, fields: Readonly<Record<string, string>>): void };
}

/** A value of D1 that does not open: 503 outside, because it may open again once the setting is put right. */
export class UnreadableValue extends StorageFault {}

/** The ids of the master keys that open values now. */
export function masterKeyIds({ keyId, previousKeyId }: Keyring): readonly string[] {
  return previousKeyId === undefined ? [keyId] : [keyId, previousKeyId];
}

/** The plaintext of a sealed value of D1. Throws `UnreadableValue`, after an alert. */
export async function openStored(rt: Opener, purpose: Purpose, context: string, sealed: string): Promise<Opened> {
  const opened = await rt.keyring.open(purpose, context, sealed);
  if (opened) return opened;
  const elsewhere = !masterKeyIds(rt.keyring).includes(sealedUnder(sealed));
  rt.log.alert(elsewhere ? "sealed_with_another_master_key" : "sealed_value_unreadable", { purpose });
  throw new UnreadableValue(
    elsewhere
      ? `A value (${purpose}) was sealed with another MASTER_KEY. Set that key as MASTER_KEY or MASTER_KEY_PREVIOUS.`
      : `A sealed value (${purpose}) does not open: it was changed in the database.`,
  );
}
