// Time of patterns and parsers over text that strangers send. In Node: workerd's clock stands still during a request.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const LENGTH = 16 * 1024;
/** What is linear takes below 1 ms; what is quadratic, hundreds. Of several measurements the shortest counts. */
const LONGEST_MS = 40;
const MEASUREMENTS = 6;

const printable = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i));
const pairs = [
  "?a",
  "/.",
  ".a",
  "a.",
  "=&",
  "a=",
  "; ",
  ";q",
  "a,",
  ", ",
  "-a",
  "@a",
  "\\n",
  "::",
  "A=",
  " =",
  "%2",
  "%41",
];
const starts = [
  "",
  "/",
  "/a?",
  "https://",
  "https://a.amazon.com/",
  "acme:/",
  "Bearer ",
  "Basic ",
  "a@",
  "rt_",
  "whsec_",
];

/** 16 KB of each printable character and of some pairs, behind each start, followed by a character that is wrong. */
function* hostile(length: number): Generator<string> {
  for (const start of starts) {
    for (const repeated of [...printable, ...pairs]) {
      yield `${start}${repeated.repeat(length / repeated.length)}\u0000`;
    }
  }
}

/** Time that this thread computed for, which does not depend on what else the machine does. */
async function shortestMs(run: () => unknown): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < MEASUREMENTS && shortest > LONGEST_MS; i++) {
    const before = process.threadCpuUsage();
    await run();
    shortest = Math.min(shortest, process.threadCpuUsage(before).user / 1000);
  }
  return shortest;
}

async function tooSlow(run: (text: string) => unknown, length = LENGTH): Promise<string | undefined> {
  for (const text of hostile(length)) {
    const ms = await shortestMs(() => run(text));
    if (ms > LONGEST_MS) return `${ms.toFixed()} ms for ${JSON.stringify(text.slice(0, 30))}…`;
  }
  return undefined;
}

const sources = globSync("src/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));
const codeOf = (path: string) =>
  readFileSync(path, "utf8")
    .replace(/^\s*\*.*$/gm, "")
    .replace(/(^|\s)\/\/.*$/gm, "");

describe("the patterns of all sources", () => {
  const literal =
    /(?<=[(,=:[!&|?{;]\s*|return\s+)\/(?![/*])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)/g;
  const found = sources.flatMap((path) =>
    [...codeOf(path).matchAll(literal)].map(([, text = "", flags = ""]) => ({ path, text, flags })),
  );

  it("are found", () => {
    expect(found.length).toBeGreaterThan(45);
  });

  it.each(found)("S10: /$text/ in $path takes linear time", async ({ text, flags }) => {
    const pattern = new RegExp(text, flags);
    const run = (given: string) => {
      pattern.lastIndex = 0;
      return pattern.test(given);
    };
    expect(await tooSlow(run, 2 * LENGTH)).toBeUndefined();
  });
});

type Parse = (text: string, ...more: unknown[]) => unknown;

function formOf(body: string): Request {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return new Request("https://x.invalid", { method: "POST", headers, body });
}

/** File, function, and how it is called when not with the text alone. */
const PARSERS: readonly (readonly [path: string, name: string, call?: (parse: Parse, text: string) => unknown])[] = [
  ["admin/console/refused-then.tsx", "minuteOf", (parse, text) => parse(text, "UTC")],
  ["admin/console/selection.ts", "isZone"],
  ["admin/insight-api.ts", "visible"],
  ["admin/web-address.ts", "addressError", (parse, text) => parse(text, { development: true, deepLinks: true })],
  ["admin/web-address.ts", "resourceError", (parse, text) => parse(`https://x.invalid/${text}`, true)],
  ["admin/web-address.ts", "ownCallback", (parse, text) => parse(text, [text])],
  ["amazon/lwa.ts", "toAmazonCode"],
  ["amazon/regions.ts", "regionOfEndpoint", (parse, text) => parse(text, [])],
  ["crypto/encoding.ts", "fromBase64Url"],
  ["env.ts", "isLoopback"],
  ["events/certificate-chain.ts", "checkChain", (parse, text) => parse(`-----BEGIN CERTIFICATE-----${text}`, [], 0)],
  ["events/certificate-url.ts", "certificateUrl", (parse, text) => parse(text, "https://s3.amazonaws.com")],
  ["http/network.ts", "networkOfAddress"],
  ["http/one-origin.ts", "isAtIssuer", (parse, text) => parse(`https://x.invalid/${text}`, "https://x.invalid")],
  [
    "http/one-origin.ts",
    "sameAddressOverHttps",
    (parse, text) => parse(`http://x.invalid/${text}`, "https://x.invalid"),
  ],
  ["http/read.ts", "parseJson", (parse, text) => parse(`[${text}`)],
  ["http/read.ts", "readForm", (parse, text) => (parse as unknown as (form: Request) => unknown)(formOf(text))],
  ["linking/reasons.ts", "publicReason"],
  ["linking/reasons.ts", "reasonOfAmazonError"],
  ["linking/state.ts", "toLinkingState"],
  ["oauth/client-authentication.ts", "presentedCredentials", (parse, text) => parse(`Basic ${text}`, new Map())],
  ["oauth/access-tokens.ts", "readAccessToken"],
  ["oauth/codes.ts", "isAuthorizationCode"],
  ["oauth/consent-flow.ts", "splitAttempt"],
  ["oauth/pkce.ts", "isChallenge"],
  ["oauth/pkce.ts", "verifierMatches", (parse, text) => parse(text, text)],
  ["oauth/raw-query.ts", "appendToUri", (parse, text) => parse(text, [text])],
  ["oauth/raw-query.ts", "parseRawQuery"],
  ["oauth/raw-query.ts", "rawQueryOf"],
  ["oauth/refresh-tokens.ts", "parseRefreshToken"],
  ["oauth/scopes.ts", "scopeNames"],
  ["sign-in/accounts.ts", "passwordIdentity"],
  ["sign-in/continue-to.ts", "safeContinueTo"],
  ["sign-in/email.ts", "isEmail"],
  ["sign-in/email.ts", "normalizeEmail"],
  ["sign-in/foreign-hashes.ts", "readForeignHash"],
  ["sign-in/labels.ts", "isPhoneNumber"],
  ["sign-in/password-hash.ts", "checkPassword"],
  ["sign-in/password-hash.ts", "importRefusal"],
  ["ui/messages.ts", "wantedLanguages"],
];

describe("parsers of request text", () => {
  it.each(PARSERS.map(([path, name, call]) => ({ path, name, call })))(
    "S10: $name of $path takes linear time",
    async ({ path, name, call }) => {
      // By a computed name: the types of Workers and of Node do not go together.
      const parse = ((await import(join(process.cwd(), "src", path))) as Record<string, Parse>)[name]!;
      const quietly = async (text: string) => {
        try {
          await (call ? call(parse, text) : parse(text));
        } catch {
          // Refused: what counts here is the time.
        }
      };
      expect(await tooSlow(quietly)).toBeUndefined();
    },
  );

  /** Exported functions whose first parameter is text that no stranger chooses, or that only hash or join it. */
  const OTHERS = [
    "amazonRedirectUris",
    "anchorsOfPem",
    "callForJson",
    "codeChallengeOf",
    "contrast",
    "equalInConstantTime",
    "isDevelopment",
    "linesOf",
    "matchesForeignHash",
    "newStableToken",
    "protectedResource",
    "readTokenCounter",
    "readText",
    "readableOn",
    "refusedSkill",
    "remedyFor",
    "sealedUnder",
    "sha256",
    "startOfDay",
    "styleVariables",
    "textOn",
    "utf8",
    "waitInWords",
    "webhookSecrets",
    "withQuery",
    "words",
    "zoneOffset",
  ];

  it("S10: each exported function that takes a text first is in one of the two lists", () => {
    const taking = /export (?:async )?function (\w+)\(\s*\w+: string(?: \| undefined| \| null| \| URL)?\s*[,)]/g;
    const exported = sources
      .filter((path) => !path.startsWith("src/storage/"))
      .flatMap((path) => [...codeOf(path).matchAll(taking)].map(([, name = ""]) => name));
    expect(exported.filter((name) => !PARSERS.some(([, parser]) => parser === name) && !OTHERS.includes(name))).toEqual(
      [],
    );
    expect(OTHERS.filter((name) => !exported.includes(name))).toEqual([]);
  });
});
