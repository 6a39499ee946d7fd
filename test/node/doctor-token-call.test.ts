// What a result says about a token response.
import { expect, it } from "vitest";
import { describeCall, type TokenCall } from "../../doctor/token-call.ts";

const REFUSED = { status: 400, granted: false, error: "invalid_request" } as unknown as TokenCall;

it.each<[what: string, description: unknown, said: string]>([
  ["nothing", undefined, ""],
  ["white space", "  ", ""],
  ["no text", { a: 1 }, ""],
  ["a sentence", "client_id must not be in the body.", ' ("client_id must not be in the body.")'],
  ["quotes", 'say "resource"', " (\"say 'resource'\")"],
  ["a code", `The code ${"c".repeat(43)} was used.`, ' ("The code … was used.")'],
  ["a secret beside a comma", `secret=${"s".repeat(40)}, refused`, ' ("… refused")'],
  ["a long text", "no ".repeat(1000), ` ("${"no ".repeat(53)}n")`],
])("%s as error_description", (_, description, said) => {
  const call = { ...REFUSED, json: { error: "invalid_request", error_description: description } };
  expect(describeCall(call)).toBe(`400 invalid_request${said}`);
});
