// How `alexa-link move-in` behaves when the server refuses, is busy, or is not there, and when a person stops it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { run } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

interface Call {
  readonly path: string;
  readonly items: readonly Readonly<Record<string, unknown>>[];
}

let server: Server;
let origin = "";
let folder = "";
let file = "";
let calls: Call[];
let atOnce: number;
let mostAtOnce: number;
/** What is returned instead of outcomes; undefined: outcomes. */
let fault: (
  call: Call,
) => { readonly status: number; readonly headers?: Record<string, string>; readonly body?: object } | undefined;
let during: (call: Call) => void;

beforeEach(async () => {
  [calls, atOnce, mostAtOnce] = [[], 0, 0];
  fault = () => undefined;
  during = () => undefined;
  server = createServer(async (request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    let text = "";
    for await (const chunk of request) text += chunk;
    const call = { path: request.url ?? "", items: (JSON.parse(text) as Pick<Call, "items">).items };
    calls.push(call);
    during(call);
    // Time for others to arrive.
    await new Promise((resolve) => setTimeout(resolve, 5));
    atOnce--;
    const { status = 200, headers = {}, body } = fault(call) ?? {};
    const items = call.items.map(({ id }) => ({ status: "imported", userId: id ?? "new", grantId: "grant" }));
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body ?? (status === 200 ? { items } : { title: "Refused", code: "refused" })));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), "move-in-calls-"));
  file = join(folder, "users.jsonl");
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const people = (count: number) =>
  Array.from({ length: count }, (_, i) => JSON.stringify({ id: `p${i}`, email: `p${i}@example.com` }));

async function moveIn(lines: readonly string[], ...args: string[]) {
  writeFileSync(file, lines.join("\n"));
  const terminal = testTerminal({ environment: { ADMIN_TOKEN: "test-admin-token-0000000000000000000000" } });
  const code = await run(["move-in", file, "--url", origin, "--json", ...args], terminal);
  return { code, out: terminal.out(), errors: terminal.errors() };
}
const report = () => readFileSync(`${file}.report.jsonl`, "utf8").trim().split("\n").slice(1);

it("sends at most 100 items in a call and at most four calls at once", async () => {
  const { code, out } = await moveIn(people(1234));
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ users: { imported: 1234 } });
  expect(Math.max(...calls.map(({ items }) => items.length))).toBe(100);
  expect(mostAtOnce).toBeLessThanOrEqual(4);
  expect(mostAtOnce).toBeGreaterThan(1);
  expect(new Set(report().map((line) => (JSON.parse(line) as { line: number }).line)).size).toBe(1234);
});

it("no link is sent before the people of the lines above it have arrived", async () => {
  const link = (i: number) => JSON.stringify({ userId: `p${i}`, refreshToken: `t${i}`, skillId: "amzn1.ask.skill.1" });
  let open = 0;
  during = ({ path }) => {
    if (path.endsWith("/users")) open++;
    else expect(open).toBe(0);
  };
  fault = ({ path }) => {
    if (path.endsWith("/users")) open--;
    return undefined;
  };
  const { code } = await moveIn([...people(450), ...Array.from({ length: 450 }, (_, i) => link(i))]);
  expect(code).toBe(0);
  expect(calls.filter(({ path }) => path === "/api/admin/imports").flatMap(({ items }) => items)).toHaveLength(450);
});

it.each([429, 502, 503, 504])("waits as long as a %i says, and sends the same items again", async (status) => {
  let left = 2;
  fault = () => (left-- > 0 ? { status, headers: { "retry-after": "0" } } : undefined);
  const { code, errors } = await moveIn(people(3));
  expect([code, calls.length]).toEqual([0, 3]);
  expect(errors).toContain(`returned ${status}. Trying again in 0 s.`);
  expect(calls[2]).toEqual(calls[0]);
});

it("gives up after eight tries, with a sentence, and the next run goes on", async () => {
  fault = ({ items }) =>
    items.some(({ id }) => id === "p150") ? { status: 503, headers: { "retry-after": "0" } } : undefined;
  const { code, errors } = await moveIn(people(200));
  expect([code, calls.length]).toEqual([1, 9]);
  expect(errors).toContain("8 times. Run the same command again to go on from here.");
  expect(report()).toHaveLength(100);
  fault = () => undefined;
  calls = [];
  expect(JSON.parse((await moveIn(people(200))).out)).toMatchObject({ users: { imported: 100 }, skipped: 100 });
  expect(calls).toHaveLength(1);
});

it("an item that the server does not understand is refused alone", async () => {
  fault = ({ items }) =>
    items.some(({ id }) => id === "p57")
      ? { status: 400, body: { detail: "items[0].id: is not liked\u001b[2J" } }
      : undefined;
  const { code, out, errors } = await moveIn(people(100));
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ users: { imported: 99, refused: 1 } });
  const refused = report()
    .map((line) => JSON.parse(line) as Record<string, string>)
    .filter((one) => one.status === "refused");
  expect(refused).toMatchObject([{ line: 58, code: "invalid", detail: "items[0].id: is not liked\u{fffd}[2J" }]);
  expect(errors).toContain(`${file}.report.jsonl`);
});

it.each([
  ["a wrong admin token", 401, { title: "The admin token is wrong" }, "returned 401: The admin token is wrong"],
  ["another server", 200, { hello: "world" }, "not a response of the admin API"],
  ["a page instead of JSON", 404, undefined, "returned 404"],
  ["an admin API that is off", 503, { code: "admin_disabled", title: "The admin API is off" }, "The admin API is off"],
  ["a response for fewer items", 200, { items: [] }, "not a response of the admin API"],
])("%s ends the run at once", async (_, status, body, sentence) => {
  fault = () => ({ status, ...(body ? { body } : {}) });
  const { code, out, errors } = await moveIn(people(2));
  expect([code, out, calls.length]).toEqual([1, "", 1]);
  expect(errors).toContain(sentence);
});

it("Ctrl-C keeps what was done, and the next run goes on", async () => {
  let first = true;
  during = () => {
    if (first) process.emit("SIGINT");
    first = false;
  };
  const { code, out, errors } = await moveIn(people(2000));
  expect([code, out]).toEqual([130, ""]);
  expect(errors).toContain("Run the same command again");
  const done = report().length;
  expect(done).toBe(calls.reduce((sum, { items }) => sum + items.length, 0));
  expect(done).toBeLessThan(2000);
  expect(JSON.parse((await moveIn(people(2000))).out)).toMatchObject({
    users: { imported: 2000 - done },
    skipped: done,
  });
});

it("Ctrl-C ends the wait for a server that is busy", async () => {
  fault = () => {
    setTimeout(() => process.emit("SIGINT"), 20);
    return { status: 503, headers: { "retry-after": "60" } };
  };
  expect((await moveIn(people(2))).code).toBe(130);
});

it("does not take standard input for that of an earlier run", async () => {
  const args = ["move-in", "-", "--format", "jsonl", "--report", join(folder, "report.jsonl"), "--url", origin];
  const env = { ...process.env, ADMIN_TOKEN: "test-admin-token-0000000000000000000000" };
  for (const name of ["first", "second"]) {
    const child = spawn(process.execPath, ["cli/alexa-link.ts", ...args], { env });
    child.stdin.end(JSON.stringify({ id: name, email: `${name}@example.com` }));
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
  }
  expect(calls.map(({ items }) => items)).toEqual([
    [{ id: "first", email: "first@example.com" }],
    [{ id: "second", email: "second@example.com" }],
  ]);
}, 120_000);

it("does not begin a report of another server's run again as its own", async () => {
  await moveIn(people(2));
  const text = readFileSync(`${file}.report.jsonl`, "utf8").replace(origin, "https://other.example.com");
  writeFileSync(`${file}.report.jsonl`, text);
  const { out, errors } = await moveIn(people(2));
  expect(errors).toContain("another input or server");
  expect(JSON.parse(out)).toMatchObject({ users: { imported: 2 }, skipped: 0 });
});
