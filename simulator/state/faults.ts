// The faults that can be injected into the simulated Alexa and Login with Amazon.
import * as z from "zod";

const times = z.int().positive().optional();

/**
 * A faulty response in place of the real one (`slow` only delays it). A number stands for that status, a word for that
 * mode.
 */
const responseObject = z.strictObject({
  mode: z.enum(["status", "html", "empty", "slow", "timeout", "redirect"]).default("status"),
  status: z.int().min(200).max(599).optional(),
  /** Value of the `Retry-After` header, in seconds. */
  retryAfter: z.int().nonnegative().optional(),
  body: z.record(z.string(), z.unknown()).optional(),
  /** How long `slow` (default 3,000) and `timeout` (default 15,000) wait, in milliseconds. */
  delayMs: z.int().min(0).max(60_000).optional(),
  /** Applies to these methods only. */
  methods: z.array(z.enum(["GET", "POST", "PUT", "DELETE"])).optional(),
  /** How many requests it applies to; if omitted, all of them. */
  times,
});
export type ResponseFault = z.infer<typeof responseObject>;

const responseFault = z.union([
  responseObject,
  z
    .int()
    .min(200)
    .max(599)
    .transform((status): ResponseFault => ({ mode: "status", status })),
  z.enum(["html", "empty", "slow", "timeout", "redirect"]).transform((mode): ResponseFault => ({ mode })),
]);

export const faultsSchema = z.strictObject({
  /** `POST /auth/o2/token` as a whole. */
  lwa: responseFault.optional(),
  /** Changes a successful response of `POST /auth/o2/token`, or returns the given OAuth error. */
  lwaResponse: z
    .strictObject({
      /** `expires_in` as a string, as one of Amazon's pages shows it. */
      expiresInString: z.boolean().optional(),
      /** A refresh returns another refresh token and revokes the presented one. */
      newRefreshToken: z.boolean().optional(),
      error: z
        .enum(["invalid_grant", "invalid_client", "invalid_request", "unauthorized_client", "ServerError"])
        .optional(),
      grant: z.enum(["authorization_code", "refresh_token"]).optional(),
      times,
    })
    .optional(),
  profile: responseFault.optional(),
  /** What Amazon's consent page sends back although the customer taps "Allow". */
  consent: z
    .strictObject({
      error: z
        .string()
        .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
        .optional(),
      errorDescription: z.string().optional(),
      state: z.enum(["changed", "missing"]).optional(),
      omitScope: z.boolean().optional(),
      times,
    })
    .optional(),
  discovery: responseFault.optional(),
  /** Changes a successful response of endpoint discovery. */
  discoveryResponse: z
    .strictObject({
      endpoints: z.enum(["several", "none", "foreign", "wrong"]).optional(),
      /** `https://` before each host. */
      https: z.boolean().optional(),
      times,
    })
    .optional(),
  enablement: z
    .strictObject({
      NA: responseFault.optional(),
      EU: responseFault.optional(),
      FE: responseFault.optional(),
      all: responseFault.optional(),
    })
    .optional(),
  enablementResponse: z
    .strictObject({
      /** 201 (and GET 200) whose `accountLink.status` is not LINKED. */
      notLinked: z.boolean().optional(),
      /** 201 without a call of the token URL. */
      withoutToken: z.boolean().optional(),
      /** The token URL is called with Amazon's code instead of the company's. */
      amazonCode: z.boolean().optional(),
      times,
    })
    .optional(),
  /** Status of the enablement API for an account of another region (default 404). `accept` ignores regions. */
  wrongRegion: z.union([z.int().min(400).max(599), z.literal("accept")]).optional(),
  /** How Alexa opens the authorization URL. */
  authorize: z
    .strictObject({
      /** A HEAD, a GET and a prefetch request arrive before the customer's browser does. */
      probe: z.boolean().optional(),
      /** Length of `state` in characters. */
      stateLength: z.int().min(64).max(16_384).optional(),
      redirectHost: z.enum(["pitangui", "layla", "japan", "alexa"]).optional(),
      /** The redirect URI of another vendor. */
      wrongRedirectUri: z.boolean().optional(),
      wrongClientId: z.boolean().optional(),
      scope: z.string().optional(),
      /** Turns PKCE on or off, whatever the skill's setting. */
      pkce: z.boolean().optional(),
      /** Add-ons: `resource` of another server, with a slash added (or removed), absent, or given twice. */
      resource: z.enum(["other", "slash", "missing", "twice"]).optional(),
      times,
    })
    .optional(),
  /** How Alexa calls the token URL, in every flow. */
  tokenClient: z
    .strictObject({
      /** Alexa's time limit in milliseconds, instead of 4,500. */
      limitMs: z.int().positive().max(4500).optional(),
      /** The number of parallel redemptions of the same code; the first successful response counts. */
      parallel: z.int().min(2).max(50).optional(),
      /** The code is presented again after a successful response. */
      resend: z.boolean().optional(),
      /** The first response is lost, and the same request is sent again. */
      lostResponse: z.boolean().optional(),
      verifier: z.enum(["missing", "wrong", "extra"]).optional(),
      wrongSecret: z.boolean().optional(),
      wrongRedirectUri: z.boolean().optional(),
      basicEncoding: z.enum(["raw", "form"]).optional(),
      /** The client secret is presented the other way (HTTP Basic or body). */
      otherScheme: z.boolean().optional(),
      /** Add-ons: `resource` of another server, with a slash added (or removed), or absent. */
      resource: z.enum(["other", "slash", "missing"]).optional(),
      times,
    })
    .optional(),
  /** How Alexa refreshes. */
  refresh: z
    .strictObject({
      /** The number of parallel refreshes. */
      parallel: z.int().min(2).max(50).optional(),
      /** The first response is lost, and the same refresh token is presented again. */
      lostResponse: z.boolean().optional(),
      /** The previous refresh token is presented. */
      oldToken: z.boolean().optional(),
      /** The company's response is replaced by `invalid_grant`. */
      refused: z.boolean().optional(),
      times,
    })
    .optional(),
  /** How skill events arrive. */
  events: z
    .strictObject({
      duplicate: z.boolean().optional(),
      /** How old the event is when it is sent, in seconds. */
      lateSeconds: z.int().min(0).max(86_400).optional(),
      signature: z.enum(["wrong", "missing", "other_body"]).optional(),
      certificate: z.enum(["expired", "wrong_host", "other_root", "missing_intermediate"]).optional(),
      certificateUrl: z.string().optional(),
      skillId: z.string().optional(),
      withoutAccessToken: z.boolean().optional(),
      times,
    })
    .optional(),
  /** What Amazon's deploy command reads: the company's documents, changed on their way. */
  addOnMetadata: z
    .strictObject({
      /** The authorization server's metadata does not list `S256`. */
      withoutS256: z.boolean().optional(),
      /** `resource` of the MCP host's document has a slash at the end (or loses it). */
      resourceSlash: z.boolean().optional(),
      /** The token endpoint has moved since the deploy; Alexa keeps the address that it cached. A deploy turns this off. */
      outdated: z.boolean().optional(),
    })
    .optional(),
  /** The MCP server. */
  mcp: z
    .strictObject({
      /** Its responses with status 401 get a `WWW-Authenticate` header. */
      wwwAuthenticate: z.boolean().optional(),
      /** Its responses arrive this much later, in milliseconds. */
      delayMs: z.int().min(0).max(9000).optional(),
      /** Alexa calls a tool that needs a user with the service token. */
      serviceToken: z.boolean().optional(),
      times,
    })
    .optional(),
  /** The Skill Management API: a faulty response of one resource, or a manifest that Amazon refuses later. */
  smapi: z
    .strictObject({
      accountLinking: responseFault.optional(),
      manifest: responseFault.optional(),
      status: responseFault.optional(),
      metrics: responseFault.optional(),
      /** The metrics API responds with JSON of another form. */
      metricsMalformed: z.boolean().optional(),
      manifestFails: z.boolean().optional(),
    })
    .optional(),
  acceptGrant: z
    .strictObject({
      badCode: z.boolean().optional(),
      /** Custom skills: no token in the context, so that only Alexa's user id identifies the account. */
      withoutAccessToken: z.boolean().optional(),
      times,
    })
    .optional(),
});
export type Faults = z.infer<typeof faultsSchema>;
export type FaultName = keyof Faults;

/** The fault of that name, if it is on. A fault with `times` is counted down and turned off after its last use. */
export function useFault<Name extends FaultName>(faults: Faults, name: Name): Faults[Name] {
  const fault = faults[name];
  if (fault !== undefined && countDown(fault)) delete faults[name];
  return fault;
}

/** The fault of one region's enablement API for a method, counted down like the others. */
export function useEnablementFault(
  faults: Faults,
  region: "NA" | "EU" | "FE",
  method: string,
): ResponseFault | undefined {
  const regions = faults.enablement;
  return regions && (useMember(regions, region, method) ?? useMember(regions, "all", method));
}

/** The fault of one resource of SMAPI for a method, counted down like the others. */
export function useSmapiFault(
  faults: Faults,
  resource: "accountLinking" | "manifest" | "status" | "metrics",
  method: string,
): ResponseFault | undefined {
  return faults.smapi && useMember(faults.smapi, resource, method);
}

function useMember<Name extends string>(
  among: { [name in Name]?: ResponseFault | undefined },
  name: Name,
  method: string,
): ResponseFault | undefined {
  const fault = among[name];
  if (!fault || (fault.methods && !fault.methods.some((each) => each === method))) return undefined;
  if (countDown(fault)) delete among[name];
  return fault;
}

function countDown(fault: unknown): boolean {
  const limited = fault as { times?: number };
  if (typeof fault !== "object" || limited.times === undefined) return false;
  limited.times -= 1;
  return limited.times <= 0;
}

/**
 * Applies a response fault: returns the faulty response, or undefined (after its delay) if the real one should follow.
 */
export async function applyResponseFault(fault: ResponseFault | undefined): Promise<Response | undefined> {
  if (!fault) return undefined;
  const headers = new Headers(fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) });
  switch (fault.mode) {
    case "slow":
      await sleep(fault.delayMs ?? 3000);
      return undefined;
    case "timeout":
      await sleep(fault.delayMs ?? 15_000);
      return new Response("upstream timed out", { status: 504 });
    case "redirect":
      headers.set("location", "https://www.amazon.com/errors/moved");
      return new Response(null, { status: 302, headers });
    case "empty":
      return new Response(null, { status: fault.status ?? 503, headers });
    case "html":
      headers.set("content-type", "text/html;charset=UTF-8");
      return new Response(
        "<html><head><title>Error</title></head><body><h1>Sorry! Something went wrong</h1></body></html>",
        {
          status: fault.status ?? 503,
          headers,
        },
      );
    case "status":
      return Response.json(fault.body ?? { message: messageOf(fault.status ?? 503) }, {
        status: fault.status ?? 503,
        headers,
      });
  }
}

function messageOf(status: number): string {
  const messages: Record<number, string> = {
    400: "Invalid account linking credentials",
    401: "The customer's token is not valid",
    403: "Not allowed for this client or this customer",
    404: "Not found",
    409: "The skill is already being enabled",
    429: "Too many requests",
    500: "Internal server error",
    503: "Service unavailable",
  };
  return messages[status] ?? "Request failed";
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
