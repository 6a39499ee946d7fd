// `alexa-link links`: a person's links with skills, and logins in the company's apps.
import type { Command } from "commander";
import { call, read, type Service, segment } from "../admin-api.ts";
import { type AdminOptions, type AdminRun, adminAction, adminCommand, groupCommand } from "../admin-command.ts";
import { withExamples } from "../options.ts";
import { sheet, table } from "../table.ts";
import { confirm, type Terminal, UsageError } from "../terminal.ts";
import { nameOf, userBy, userPath } from "../users.ts";

interface LinkView {
  readonly id: string;
  readonly flow: string;
  readonly skillId: string | null;
  readonly name: string;
  readonly level: string | null;
  readonly createdAt: string;
  readonly lastUsedAt: string;
}

interface Options extends AdminOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
}

type Run = AdminRun<Options>;

/** The command. */
export function linksCommand(terminal: Terminal): Command {
  const action = (run: (run: Run, user: string, link?: string) => Promise<void>) =>
    adminAction<Options>(terminal, (one, user = "", link = undefined) => run(one, user, link));
  const ofUser = (name: string, description: string) =>
    adminCommand(name, description).argument("<user>", "the user's id or e-mail address");
  const group = groupCommand("links", "see and end a person's links", [
    withExamples(ofUser("list", "list a person's links with skills and logins in your apps"), terminal, [
      "links list ada@example.com",
    ]).action(action(list)),
    withExamples(ofUser("show", "show one link").argument("<link>", "the link's id"), terminal, [
      "links show ada@example.com 01examplelink",
    ]).action(action(show)),
    withExamples(
      ofUser("remove", "end one link, or all of them, at Amazon too")
        .argument("[link]", "the link's id")
        .option("--all", "end all links and logins in your apps")
        .option("--yes", "do not ask"),
      terminal,
      ["links remove ada@example.com 01examplelink", "links remove ada@example.com --all"],
    ).action(action(remove)),
  ]);
  return withExamples(group, terminal, ["links list ada@example.com", "links remove ada@example.com --all"]);
}

async function list({ service, show: print }: Run, idOrEmail: string): Promise<void> {
  const user = await userBy(service, idOrEmail);
  const { items } = await read<{ items: readonly LinkView[] }>(service, `${userPath(user.id)}/links`);
  print(items, () =>
    items.length === 0
      ? `${nameOf(user)} has no links.`
      : table(
          ["LINK ID", "WITH", "SKILL", "FLOW", "LEVEL", "CREATED", "LAST USED"],
          items.map((link) => [
            link.id,
            link.name,
            link.skillId ?? "(your app)",
            link.flow,
            link.level,
            link.createdAt,
            link.lastUsedAt,
          ]),
        ),
  );
}

async function show({ service, show: print }: Run, idOrEmail: string, linkId = ""): Promise<void> {
  const user = await userBy(service, idOrEmail);
  const link = await call<LinkView>(service, "GET", `${userPath(user.id)}/links/${segment(linkId)}`);
  print(link, () =>
    sheet({
      "link id": link.id,
      with: link.name,
      skill: link.skillId,
      flow: link.flow,
      level: link.level,
      created: link.createdAt,
      "last used": link.lastUsedAt,
    }),
  );
}

async function remove({ service, options, terminal, show: print }: Run, idOrEmail: string, linkId?: string) {
  if ((linkId === undefined) !== Boolean(options.all)) throw new UsageError("Give the id of a link, or --all.");
  const user = await userBy(service, idOrEmail);
  const path = `${userPath(user.id)}/links${linkId === undefined ? "" : `/${segment(linkId)}`}`;
  const what = linkId === undefined ? `all links of ${nameOf(user)}` : `the link ${linkId} of ${nameOf(user)}`;
  await confirm(terminal, `End ${what} at ${service.origin}?`, options.yes);
  const pending = await isPending(service, path);
  const atAmazon = pending ? "pending" : "done";
  print({ userId: user.id, ...(linkId === undefined ? {} : { linkId }), status: "unlinked", amazon: atAmazon }, () =>
    pending
      ? `Ended ${what}. Amazon is out of reach; the scheduled maintenance disables the skill there.`
      : `Ended ${what}.`,
  );
}

/** Ends the link, and returns whether Amazon still has to be told. */
async function isPending(service: Service, path: string): Promise<boolean> {
  return (await call<{ amazon?: string }>(service, "DELETE", path)).amazon === "pending";
}
