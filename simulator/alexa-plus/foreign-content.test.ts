// What an MCP server sends to Alexa+: the page shows whatever it is, and Alexa+ keeps some of it for a while.
import { describe, expect, it } from "vitest";
import { maskBody, maskHeaders } from "../state/exchange.ts";
import { startAddOn } from "../testing/test-add-on.ts";

type Company = Awaited<ReturnType<typeof startAddOn>>["company"];

/** The MCP server responds to `method` with this body instead. */
function respond(company: Company, method: string, body: (id: unknown) => BodyInit): void {
  const send = company.fetch;
  company.fetch = async (input, init) => {
    const request = new Request(input, init);
    const message = await request
      .clone()
      .json<{ id: unknown; method: string }>()
      .catch(() => undefined);
    if (message?.method !== method) return send(request);
    return new Response(body(message.id), { headers: { "content-type": "application/json" } });
  };
}

// JSON that throws when it is converted to a string or a number.
const NO_TEXT = { isEscaped: true, toString: 1, valueOf: 1 };
const result = (content: unknown) => (id: unknown) => JSON.stringify({ jsonrpc: "2.0", id, result: content });

describe("the page of Alexa+", () => {
  it.each<[string, unknown]>([
    ["no list", NO_TEXT],
    ["null", [null]],
    ["a name that is no text", [{ name: NO_TEXT }]],
    ["a title that is no text", [{ name: "list_notes", title: NO_TEXT }]],
    ["a description that is no text", [{ name: "list_notes", description: NO_TEXT }]],
    ["required arguments that are no texts", [{ name: "list_notes", inputSchema: { required: [NO_TEXT, null] } }]],
    ["arguments of no type", [{ name: "a", inputSchema: { required: ["b"], properties: { b: { type: NO_TEXT } } } }]],
    ["arguments that are null", [{ name: "a", inputSchema: { required: ["b"], properties: { b: null } } }]],
    ["script", [{ name: "<img>", title: "<img>", description: '"><img>', inputSchema: { required: ['"><img>'] } }]],
  ])("shows a list of tools with %s", async (_, tools) => {
    const simulator = await startAddOn();
    respond(simulator.company, "tools/list", result({ tools }));
    await simulator.press("deploy");
    await simulator.press("ask", { tool: "list_notes" });
    const page = await simulator.call("/alexa-plus");
    expect(page.status).toBe(200);
    expect(await page.text()).not.toContain("<img>");
  });

  it.each<[string, unknown, string]>([
    ["null", { content: [null] }, "(not valid)"],
    ["a text that is none", { content: [{ type: "text", text: NO_TEXT }] }, "(text)"],
    ["a type that is no text", { content: [{ type: NO_TEXT }] }, "(not valid)"],
    ["an image", { content: [{ type: "image", data: "" }] }, "(image)"],
    ["structured content only", { structuredContent: { notes: 1 } }, "{&quot;notes&quot;: 1}"],
    ["no content", {}, "{}"],
    ["script", { content: [{ type: "text", text: "<img>" }] }, "&lt;img&gt;"],
  ])("shows a result of %s", async (_, content, shown) => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    respond(simulator.company, "tools/call", result(content));
    await simulator.press("ask", { tool: "list_notes" });
    const reply = /<p class="reply">([^<]*)<\/p>/.exec(await simulator.html())?.[1];
    expect(reply?.replace(/\s+/g, " ").replaceAll(/(?<=\{) | (?=\})/g, "")).toBe(shown);
  });

  it("shows a tool's error as one, and only the newest ten turns", async () => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    respond(
      simulator.company,
      "tools/call",
      result({ isError: true, content: [{ type: "text", text: "No notebook" }] }),
    );
    expect(await simulator.press("ask", { tool: "list_notes" })).toContain("Acme Notes could not do that.");
    expect(await simulator.page()).toContain("No notebook");
    for (let i = 0; i < 11; i += 1) await simulator.press("ask", { tool: "list_notes" });
    expect((await simulator.html()).split('class="said"')).toHaveLength(11);
  });

  it("stops reading a response that does not end", async () => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    let sent = 0;
    const pull = (controller: ReadableStreamDefaultController) => {
      sent += 1;
      controller.enqueue(new Uint8Array(500_000));
    };
    respond(simulator.company, "tools/call", () => new ReadableStream({ pull }));
    expect(await simulator.press("ask", { tool: "list_notes" })).toContain("more than 2000000 bytes");
    expect(sent).toBeLessThan(10);
  });

  it("sends arguments of the type text as text, and others as JSON if they are JSON", async () => {
    const simulator = await startAddOn();
    const inputSchema = { required: ["a", "b", "c"], properties: { a: { type: "string" }, b: { type: "number" } } };
    respond(simulator.company, "tools/list", result({ tools: [{ name: "sum", inputSchema }] }));
    await simulator.press("deploy");
    const form = { "argument.a": "1", "argument.b": "2", "argument.c": "3", "argument.other": "4" };
    await simulator.press("ask", { tool: "sum", ...form });
    const call = (await simulator.exchanges()).findLast(({ title }) => title.includes("calls the tool sum"));
    expect(JSON.parse(call?.request.body ?? "")).toMatchObject({ params: { arguments: { a: "1", b: 2, c: "3" } } });
  });
});

describe("what Alexa+ holds", () => {
  it("is a service token until it expires", async () => {
    const simulator = await startAddOn();
    await simulator.faults({ mcp: { serviceToken: true } });
    await simulator.press("deploy");
    const tokens = () => simulator.company.seen.filter((form) => form.get("scope") === "mcp:service").length;
    const before = tokens();
    await simulator.press("ask", { tool: "list_notes" });
    expect(tokens()).toBe(before);
    await simulator.json("POST", "/simulator/clock", { advanceSeconds: 3601 });
    await simulator.press("ask", { tool: "list_notes" });
    expect(tokens()).toBe(before + 1);
  });

  it("is a session for the link until the next deploy, which may offer another protocol version", async () => {
    const simulator = await startAddOn("sessions");
    await simulator.run("add-on");
    const versions = async () =>
      (await simulator.exchanges())
        .filter(({ title }) => title.includes("calls the tool list_notes with the user token"))
        .map(({ request }) => request.headers["mcp-protocol-version"]);
    expect((await versions()).at(-1)).toBe("2025-11-25");
    await simulator.press("deploy", { version: "2025-03-26" });
    await simulator.press("ask", { tool: "list_notes" });
    expect((await versions()).at(-1)).toBe("2025-03-26");
  });
});

describe("what is recorded", () => {
  it.each(["application/json", "text/plain", null])("has no token of a response whose type is %s", (type) => {
    const token = "obviously-fake-access-token";
    for (const body of [{ access_token: token }, [{ refresh_token: token }]]) {
      const recorded = maskBody(JSON.stringify(body), type);
      expect(recorded).toContain("obviously-…(27)");
      expect(recorded).not.toContain(token);
    }
  });

  it("shortens the id of an MCP session", () => {
    const headers = new Headers({ "mcp-session-id": "obviously-fake-session-id" });
    expect(maskHeaders(headers)).toEqual({ "mcp-session-id": "obviously-…(25)" });
  });
});
