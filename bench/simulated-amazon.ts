// Amazon's side of app-to-app linking, as fast as it can be: tokens for any code, and an enablement call that redeems
// our code before it responds.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { AMAZON_ORIGIN } from "./seeds.ts";

/** Redeems a code of ours at the token endpoint; rejects when that fails. */
type Redeem = (code: string, redirectUri: string) => Promise<void>;

export interface SimulatedAmazon {
  /** The customer approves. Amazon's code. */
  approve(): string;
}

let number = 0;
let running: Promise<Server> | undefined;
let redeem: Redeem;

async function respond(request: IncomingMessage): Promise<[status: number, body: unknown]> {
  const body = await text(request);
  if (request.url === "/auth/o2/token") {
    const id = ++number;
    return [200, { access_token: `Atza|${id}`, refresh_token: `Atzr|${id}`, expires_in: 3600, token_type: "bearer" }];
  }
  if (request.url === "/v1/alexaApiEndpoint") return [200, { endpoints: [`${AMAZON_ORIGIN}/na`] }];
  if (request.method !== "POST") return [404, { message: "Not found" }];
  const { accountLinkRequest } = JSON.parse(body) as { accountLinkRequest: { authCode: string; redirectUri: string } };
  await redeem(accountLinkRequest.authCode, accountLinkRequest.redirectUri);
  return [
    201,
    {
      skill: { id: "x" },
      user: { id: `amzn1.ask.account.${number}` },
      accountLink: { status: "LINKED" },
      status: "ENABLED",
    },
  ];
}

function listen(): Promise<Server> {
  const server = createServer((request, response) => {
    respond(request)
      .catch((error: unknown): [number, unknown] => [500, { message: String(error) }])
      .then(([status, body]) => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
  });
  // The benchmark ends although this still listens.
  server.unref();
  const { port } = new URL(AMAZON_ORIGIN);
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(Number(port), "127.0.0.1", () => resolve(server));
  });
}

/** Starts it at `AMAZON_ORIGIN`, once. */
export async function startAmazon(redeemCode: Redeem): Promise<SimulatedAmazon> {
  redeem = redeemCode;
  running ??= listen();
  await running;
  return { approve: () => `ANbenchmark${++number}` };
}
