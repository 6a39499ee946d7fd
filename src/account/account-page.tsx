// The account page: who is signed in, what is linked, unlinking and signing out.
import type { FC } from "hono/jsx";
import type { AppContext } from "../runtime.ts";
import type { LinkOfUser } from "../storage/users/account.ts";
import type { User } from "../storage/users/users.ts";
import { brandName } from "../ui/brand.ts";
import { type Messages, messagesFor } from "../ui/messages.ts";
import { renderPage } from "../ui/page.tsx";
import { ButtonRow, HiddenFields } from "../ui/parts.tsx";

function dayIn(language: string): (at: number) => string {
  const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
  return (at) => format.format(at);
}

interface LinkProps {
  readonly link: LinkOfUser;
  readonly text: Messages;
  readonly day: (at: number) => string;
}

/** The facts that tell two links with the same skill apart. */
const LinkFacts: FC<LinkProps> = ({ link, text, day }) => (
  <dl>
    <dt>{text.accountLinkedOn}</dt>
    <dd>{day(link.createdAt)}</dd>
    <dt>{text.accountLastUsed}</dt>
    <dd>{day(link.lastUsedAt)}</dd>
    <dt>{text.accountFlow}</dt>
    <dd>{text.accountFlows[link.flow]}</dd>
    {link.level === null ? null : (
      <>
        <dt>{text.accountLevel}</dt>
        <dd>{text.accountLevels[link.level]}</dd>
      </>
    )}
  </dl>
);

const LinkRow: FC<LinkProps> = ({ link, text, day }) => (
  <li>
    <strong>{link.name}</strong>
    <LinkFacts link={link} text={text} day={day} />
    <a class="button quiet" href={`/account/links/${link.grantId}`} aria-label={`${text.unlink}: ${link.name}`}>
      {text.unlink}
    </a>
  </li>
);

export interface AccountPageOptions {
  readonly user: User;
  readonly links: readonly LinkOfUser[];
  /** Shows the button to change the password. */
  readonly hasPassword: boolean;
  readonly signOutToken: string;
  readonly notice: string | undefined;
}

/** The page of GET /account. */
export function renderAccount(c: AppContext, options: AccountPageOptions): Promise<Response> {
  const { language, text } = messagesFor(c);
  const { user, links } = options;
  const day = dayIn(language);
  const assistants = links.filter((link) => link.skillId !== null);
  const apps = links.filter((link) => link.skillId === null);
  const signOut = { form: options.signOutToken };
  return renderPage(
    c,
    { title: text.accountTitle },
    <section class="card">
      <h1>{text.accountTitle}</h1>
      {options.notice === undefined ? null : (
        <p class="notice" role="status">
          {options.notice}
        </p>
      )}
      <div class="account">
        <div class="who">
          {user.email === null || user.name === null ? null : (
            <small>
              <bdi>{user.name}</bdi>
            </small>
          )}
          <strong>
            <bdi>{user.email ?? user.name ?? text.consentAccountUnnamed(brandName(c.var.runtime))}</bdi>
          </strong>
        </div>
        <form method="post" action="/sign-out">
          <HiddenFields fields={signOut} />
          <button class="link" type="submit">
            {text.signOut}
          </button>
        </form>
      </div>
      <h2>{text.accountLinked}</h2>
      {assistants.length === 0 ? (
        <p class="lead">{text.accountNothingLinked}</p>
      ) : (
        <ul class="rows">
          {assistants.map((link) => (
            <LinkRow link={link} text={text} day={day} />
          ))}
        </ul>
      )}
      {apps.length === 0 ? null : (
        <>
          <h2>{text.accountApps}</h2>
          <ul class="rows">
            {apps.map((link) => (
              <LinkRow link={link} text={text} day={day} />
            ))}
          </ul>
        </>
      )}
      {options.hasPassword ? (
        <p class="actions">
          <a class="button quiet" href="/account/password">
            {text.changePassword}
          </a>
        </p>
      ) : null}
      <form method="post" action="/sign-out/everywhere">
        <HiddenFields fields={signOut} />
        <ButtonRow>
          <button class="quiet" type="submit">
            {text.signOutEverywhere}
          </button>
        </ButtonRow>
        <p class="hint below">{text.signOutEverywhereHint}</p>
      </form>
      <p class="actions">
        <a class="button quiet" href="/account/data">
          {text.accountData}
        </a>
      </p>
    </section>,
  );
}

/** The page that asks for confirmation before unlinking. */
export function renderUnlink(c: AppContext, link: LinkOfUser, token: string): Promise<Response> {
  const { language, text } = messagesFor(c);
  const app = link.skillId === null;
  const title = app ? text.unlinkTitleApp(link.name) : text.unlinkTitle(link.name);
  return renderPage(
    c,
    { title },
    <section class="card">
      <h1>{title}</h1>
      <p>{app ? text.unlinkMessageApp(link.name) : text.unlinkMessage(link.name)}</p>
      <LinkFacts link={link} text={text} day={dayIn(language)} />
      <form method="post" action={`/account/links/${link.grantId}`}>
        <HiddenFields fields={{ form: token }} />
        <ButtonRow>
          <button class="danger" type="submit">
            {text.unlink}
          </button>
          <a class="button quiet" href="/account">
            {text.cancel}
          </a>
        </ButtonRow>
      </form>
    </section>,
  );
}
