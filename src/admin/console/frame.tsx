// The frame of every console page: navigation, search, selection of skill, range and time zone, and signing out.
import type { Child, FC } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { readAsset } from "../../http/assets.ts";
import { browserOf } from "../../http/browser.ts";
import { sealForm } from "../../http/form-token.ts";
import type { AppContext } from "../../runtime.ts";
import { listSkills, type Skill } from "../../storage/skills/skills.ts";
import { renderPage } from "../../ui/page.tsx";
import { HiddenFields } from "../../ui/parts.tsx";
import { operatorOf } from "../operator.ts";
import { NAVIGATION } from "./navigation.ts";
import { hrefOf, RANGES, type Selection, selectionOf } from "./selection.ts";

/** The form token of the button that signs the operator out. */
export const SIGN_OUT_FORM = "admin-sign-out";

const MOST_SKILLS = 200;
const skillsRead = new WeakMap<AppContext, Promise<Skill[]>>();

/** The registered skills, read once for each request. */
export function skillsOf(c: AppContext): Promise<Skill[]> {
  const skills = skillsRead.get(c) ?? listSkills(c.var.runtime.db, { limit: MOST_SKILLS });
  skillsRead.set(c, skills);
  return skills;
}

interface OfSkill {
  readonly skillId: string | null;
  readonly clientId: string | null;
}

/** Names what attempts and links belong to: their skill, or the id of the skill or client. */
export async function skillNames(c: AppContext): Promise<(one: OfSkill) => string> {
  const names = new Map((await skillsOf(c)).map(({ id, name }) => [id, name]));
  return ({ skillId, clientId }) => names.get(skillId ?? "") ?? skillId ?? clientId ?? "unknown";
}

export interface ConsolePage {
  readonly title: string;
  /** The path of the navigation item that the page belongs to. */
  readonly under: string;
  readonly status?: ContentfulStatusCode;
  /** Parameters to keep when the selection changes, such as a list's filters. Without it the selection is not shown. */
  readonly selects?: Readonly<Record<string, string | undefined>>;
  /** The text in the search field. */
  readonly searched?: string;
  /** Its lists refresh themselves. */
  readonly live?: boolean;
}

const Pages: FC<{ selection: Selection; under: string }> = ({ selection, under }) => (
  <nav class="pages" aria-label="Console">
    {NAVIGATION.map(({ path, label }) => (
      <a href={hrefOf(selection, path)} {...(path === under ? { "aria-current": "page" as const } : {})}>
        {label}
      </a>
    ))}
  </nav>
);

/** A row of links on wide screens, a menu on narrow ones: the style sheet shows one of the two. */
const Navigation: FC<{ selection: Selection; under: string }> = ({ selection, under }) => (
  <>
    <div class="wide">
      <Pages selection={selection} under={under} />
    </div>
    <details class="menu">
      <summary>
        <span>Menu</span> <b>{NAVIGATION.find(({ path }) => path === under)?.label}</b>
      </summary>
      <Pages selection={selection} under={under} />
    </details>
  </>
);

const Search: FC<{ selection: Selection; text: string | undefined }> = ({ selection, text }) => (
  <search>
    <form class="search" action="/admin/search">
      <KeptFields selection={selection} />
      <label for="q">Search for an email address, or any id from a customer or a log</label>
      <input id="q" name="q" type="search" value={text} maxlength={500} />
      <button type="submit" class="quiet">
        Search
      </button>
    </form>
  </search>
);

/** The selection as hidden fields of a form that is sent with GET. */
export const KeptFields: FC<{ selection: Selection }> = ({ selection: { skillId, range, zone } }) => (
  <HiddenFields fields={{ skill: skillId, range, zone }} />
);

const Chooser: FC<{
  selection: Selection;
  skills: readonly { readonly id: string; readonly name: string }[];
  kept: Readonly<Record<string, string | undefined>>;
}> = ({ selection, skills, kept }) => (
  <form class="chooser">
    <HiddenFields fields={kept} />
    <label for="skill">Skill</label>
    <select id="skill" name="skill">
      <option value="">all skills</option>
      {skills.map(({ id, name }) => (
        <option value={id} selected={id === selection.skillId}>
          {name}
        </option>
      ))}
      {selection.skillId === undefined || skills.some(({ id }) => id === selection.skillId) ? null : (
        <option value={selection.skillId} selected>
          {selection.skillId}
        </option>
      )}
    </select>
    <label for="range">Range</label>
    <select id="range" name="range">
      {Object.entries(RANGES).map(([name, { label }]) => (
        <option value={name} selected={name === selection.range}>
          {label}
        </option>
      ))}
    </select>
    <label for="zone">Time zone</label>
    <input id="zone" name="zone" value={selection.zone} list="zones" maxlength={64} />
    <datalist id="zones">
      {["UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo"].map(
        (zone) => (
          <option value={zone} />
        ),
      )}
    </datalist>
    <button type="submit" class="quiet">
      Apply
    </button>
  </form>
);

/** Renders a console page in its frame. The console's guard must have run. */
export async function renderConsole(c: AppContext, page: ConsolePage, body: Child): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const [form, css, skills] = await Promise.all([
    browserOf(c).then((browserHash) => sealForm(rt, SIGN_OUT_FORM, browserHash, {})),
    readAsset(rt, "console.css", String),
    page.selects ? skillsOf(c) : [],
  ]);
  const operator = operatorOf(c);
  return renderPage(
    c,
    {
      title: page.title,
      language: "en",
      css: css ?? "",
      ...(page.status === undefined ? {} : { status: page.status }),
      ...(page.live ? { script: "/admin/live.js" } : {}),
    },
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <div class="bar">
        <Navigation selection={selection} under={page.under} />
        <form method="post" action="/admin/sign-out">
          <HiddenFields fields={{ form }} />
          <small>
            {operator.name}
            {operator.mayChange ? "" : " (read only)"}
          </small>
          {operator.throughAccess ? (
            <a href="/cdn-cgi/access/logout">Sign out</a>
          ) : (
            <button type="submit" class="link">
              Sign out
            </button>
          )}
        </form>
      </div>
      <Search selection={selection} text={page.searched} />
      <h1 id="content" tabindex={-1}>
        {page.title}
      </h1>
      {page.selects ? <Chooser selection={selection} skills={skills} kept={page.selects} /> : null}
      {body}
    </>,
  );
}

/** The page for a path that the console does not have. */
export function noSuchPage(c: AppContext): Promise<Response> {
  return renderConsole(
    c,
    { title: "No such page", under: "", status: 404 },
    <p>The console has no page at this address. Use the navigation above.</p>,
  );
}
