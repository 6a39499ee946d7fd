// Sends the lines of the input in batches: the people of a batch, then its links.
import { type Caller, importItems, type Outcome } from "./import-call.ts";
import type { Item, LinkItem, PersonItem } from "./items.ts";
import type { Report, Result } from "./report.ts";

const BATCH = 100;
const MOST_AT_ONCE = 4;

/** A line that is to be sent. */
export interface Entry extends Item {
  readonly file: string;
  readonly line: number;
}

export interface Counts {
  imported: number;
  exists: number;
  ended: number;
  refused: number;
}

const none = (): Counts => ({ imported: 0, exists: 0, ended: 0, refused: 0 });

/** Takes entries one by one; `finish` waits for what is under way. Throws what a call threw, at the next entry. */
export class Importer {
  readonly users = none();
  readonly links = none();
  /** Lines that could not be read, or not understood. */
  unreadable = 0;
  readonly #caller: Caller;
  readonly #report: Report;
  #batch: Entry[] = [];
  readonly #running = new Set<Promise<void>>();
  /** A link must not come before the person that it belongs to. */
  #withPeople: Promise<void>[] = [];
  #failure: unknown;

  constructor(caller: Caller, report: Report) {
    this.#caller = caller;
    this.#report = report;
  }

  async add(entry: Entry): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#batch.push(entry);
    if (this.#batch.length >= BATCH) await this.#start();
  }

  /** Refuses a line without sending it. */
  refuse(file: string, line: number, detail: string): void {
    this.unreadable++;
    this.#report.add([{ file, line, kind: "line", status: "refused", code: "line_invalid", detail }]);
  }

  async finish(): Promise<void> {
    if (this.#failure === undefined && this.#batch.length > 0) await this.#start();
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Waits for what is under way, and sends nothing more. */
  async stop(): Promise<void> {
    this.#batch = [];
    await Promise.all(this.#running);
  }

  async #start(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    while (this.#running.size >= MOST_AT_ONCE) await Promise.race(this.#running);
    if (batch.some(({ link }) => link)) {
      await Promise.all(this.#withPeople);
      this.#withPeople = [];
    }
    const sent = this.#send(batch).catch((error: unknown) => {
      this.#failure ??= error;
    });
    this.#running.add(sent);
    void sent.finally(() => this.#running.delete(sent));
    if (batch.some(({ person }) => person)) this.#withPeople.push(sent);
  }

  async #send(batch: readonly Entry[]): Promise<void> {
    const people = batch.filter((entry): entry is Entry & { person: PersonItem } => entry.person !== undefined);
    const ids = new Map<Entry, Outcome>();
    if (people.length > 0) {
      const outcomes = await importItems(
        this.#caller,
        "/imports/users",
        people.map(({ person }) => person),
      );
      for (const [index, entry] of people.entries()) ids.set(entry, outcomes[index]!);
      this.#note(people, outcomes, "user", this.users);
    }
    const links = batch
      .filter((entry) => entry.link !== undefined)
      .map((entry) => ({ ...entry, link: this.#owned(entry.link!, ids.get(entry)) }))
      .filter((entry): entry is Entry & { link: LinkItem } => entry.link !== undefined);
    if (links.length === 0) return;
    const outcomes = await importItems(
      this.#caller,
      "/imports",
      links.map(({ link }) => link),
    );
    this.#note(links, outcomes, "link", this.links);
  }

  /** The link with its owner; undefined if the owner on the same line was refused. */
  #owned(link: LinkItem, owner: Outcome | undefined): LinkItem | undefined {
    if (owner) return owner.userId === undefined ? undefined : { ...link, user: { id: owner.userId } };
    const { id } = link.user ?? {};
    return id === undefined ? link : { ...link, user: { id: this.#report.otherIds.get(id) ?? id } };
  }

  #note(entries: readonly Entry[], outcomes: readonly Outcome[], kind: "user" | "link", counts: Counts): void {
    const results = entries.map(({ file, line, person }, index): Result => {
      const { status, userId, grantId, code, detail } = outcomes[index]!;
      counts[status]++;
      const id = kind === "user" ? userId : grantId;
      return {
        file,
        line,
        kind,
        status,
        ...(id === undefined ? {} : { id }),
        ...(kind === "user" && id !== undefined && person?.id !== undefined && person.id !== id
          ? { givenId: person.id }
          : {}),
        ...(code === undefined ? {} : { code }),
        ...(detail === undefined ? {} : { detail }),
      };
    });
    this.#report.add(results);
  }
}
