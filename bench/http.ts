// One HTTP connection to a server on loopback, kept open.
import { Agent, request as httpRequest } from "node:http";

/** All contestants believe to be here, wherever they listen. */
export const ISSUER = "http://localhost:8787";

export interface ReceivedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Outgoing {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export class Connection {
  #agent = new Agent({ keepAlive: true });
  #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** One request; redirects are not followed. Rejects when there is no response within 30 seconds. */
  send(path: string, { method = "GET", headers = {}, body }: Outgoing = {}): Promise<ReceivedResponse> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          agent: this.#agent,
          host: "127.0.0.1",
          port: this.#port,
          path,
          method,
          timeout: 30_000,
          headers: {
            host: new URL(ISSUER).host,
            ...headers,
            ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
          },
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
          );
          response.on("error", reject);
        },
      );
      request.on("timeout", () => request.destroy(new Error(`${method} ${path}: no response within 30 s`)));
      request.on("error", reject);
      request.end(body);
    });
  }

  /** Goes on with a server that was started again. */
  moveTo(port: number): void {
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true });
    this.#port = port;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A form POST. */
export function form(
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Outgoing {
  return {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(fields).toString(),
  };
}

/** The header of HTTP Basic. */
export function basic(id: string, secret: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` };
}
