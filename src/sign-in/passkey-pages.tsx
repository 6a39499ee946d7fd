// What the pages show of passkeys. Hidden until the script has found that the browser knows them: nothing else needs it.
import type { FC } from "hono/jsx";
import type { AppContext, Runtime } from "../runtime.ts";
import type { PasskeyView } from "../storage/users/passkeys.ts";
import { type Messages, messagesFor } from "../ui/messages.ts";
import { renderPage } from "../ui/page.tsx";
import { ButtonRow, ErrorNotice, HiddenFields } from "../ui/parts.tsx";

/** Longest name of a passkey, in characters. */
export const MAX_PASSKEY_NAME = 60;

/** Whether passkeys are switched on. */
export function passkeysOn(rt: Runtime): boolean {
  return rt.config.signInMethods.includes("passkey");
}

const PasskeyError: FC = () => (
  <div data-passkey-error hidden>
    <ErrorNotice id="passkey-error"> </ErrorNotice>
  </div>
);

/** The button on the sign-in page. */
export const PasskeySignIn: FC<{ text: Messages }> = ({ text }) => (
  <div data-passkey="sign-in" data-failed={text.passkeyFailed} data-cancelled={text.passkeyCancelled} hidden>
    <p class="or">{text.or}</p>
    <PasskeyError />
    <button type="button" class="quiet">
      {text.passkeySignIn}
    </button>
  </div>
);

export interface PasskeySectionProps {
  readonly passkeys: readonly PasskeyView[];
  /** Sealed, of the script's requests; undefined when the sign-in is too long ago to add one. */
  readonly token: string | undefined;
  readonly text: Messages;
  readonly day: (at: number) => string;
}

/** Passkeys on the account page: each with its days, and a way to add one. */
export const PasskeySection: FC<PasskeySectionProps> = ({ passkeys, token, text, day }) => (
  <>
    <h2>{text.passkeys}</h2>
    {passkeys.length === 0 ? (
      <p class="lead">{text.passkeyNone}</p>
    ) : (
      <ul class="rows">
        {passkeys.map((passkey) => (
          <li>
            <strong>{passkey.name}</strong>
            <dl>
              <dt>{text.passkeyAddedOn}</dt>
              <dd>{day(passkey.createdAt)}</dd>
              <dt>{text.accountLastUsed}</dt>
              <dd>{passkey.lastUsedAt === null ? text.passkeyNeverUsed : day(passkey.lastUsedAt)}</dd>
            </dl>
            <a
              class="button quiet"
              href={`/account/passkeys/${passkey.id}`}
              aria-label={`${text.passkeyRemove}: ${passkey.name}`}
            >
              {text.passkeyRemove}
            </a>
          </li>
        ))}
      </ul>
    )}
    {token === undefined ? (
      <p class="actions">
        <a class="button quiet" href="/sign-in?continue_to=/account">
          {text.passkeySignInAgain}
        </a>
      </p>
    ) : (
      <>
        <div
          data-passkey="add"
          data-form={token}
          data-failed={text.passkeyFailed}
          data-cancelled={text.passkeyCancelled}
          data-known={text.passkeyKnown}
          hidden
        >
          <label for="passkey-name">{text.passkeyName}</label>
          <input id="passkey-name" type="text" maxlength={MAX_PASSKEY_NAME} autocomplete="off" />
          <p class="hint below">{text.passkeyNameHint}</p>
          <PasskeyError />
          <button type="button" class="quiet">
            {text.passkeyAdd}
          </button>
        </div>
        <noscript>
          <p class="hint">{text.passkeyNeedsScript}</p>
        </noscript>
      </>
    )}
  </>
);

/** The page that asks once more before a passkey is removed. */
export function renderRemovePasskey(c: AppContext, passkey: PasskeyView, token: string): Promise<Response> {
  const { text } = messagesFor(c);
  const title = text.passkeyRemoveTitle(passkey.name);
  return renderPage(
    c,
    { title },
    <section class="card">
      <h1>{title}</h1>
      <p>{text.passkeyRemoveMessage}</p>
      <form method="post" action={`/account/passkeys/${passkey.id}`}>
        <HiddenFields fields={{ form: token }} />
        <ButtonRow>
          <button class="danger" type="submit">
            {text.passkeyRemove}
          </button>
          <a class="button quiet" href="/account">
            {text.cancel}
          </a>
        </ButtonRow>
      </form>
    </section>,
  );
}
