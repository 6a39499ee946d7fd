// Requests of Alexa+ to the MCP server and for metadata, recorded, with the injected faults.
import { changeResource } from "../alexa/resource.ts";
import { endingAtResponse } from "../library/mcp.ts";
import type { Fetch } from "../library/token.ts";
import type { RequestContext } from "../state/context.ts";
import type { Exchange } from "../state/exchange.ts";
import { sleep, useFault } from "../state/faults.ts";
import { type About, recordingFetch } from "../state/recording.ts";

export type What = Pick<About, "linkId" | "title" | "why">;

/** Sends a request to the MCP server. */
export function mcpFetch(context: RequestContext, what: What): Fetch {
  return async (request) => {
    const fault = useFault(context.store.faults, "mcp") ?? {};
    let exchange: Exchange | undefined;
    const send: Fetch = async (sent) => {
      if (fault.delayMs) await sleep(fault.delayMs);
      const response = await endingAtResponse(context.send)(sent);
      if (!fault.wwwAuthenticate || response.status !== 401) return response;
      if (exchange)
        exchange.note = "The simulator added WWW-Authenticate to this response (fault mcp.wwwAuthenticate).";
      const changed = new Response(response.body, response);
      changed.headers.set("www-authenticate", 'Bearer error="invalid_token"');
      return changed;
    };
    const record = recordingFetch(context.store, send, { ...what, from: "alexa", to: "mcp" }, (begun) => {
      exchange = begun;
      if (fault.delayMs) begun.note = `The simulator delays this response by ${fault.delayMs} ms (fault mcp.delayMs).`;
    });
    return record(request);
  };
}

/** Sends a request to the company's authorization server. */
export function serverFetch(context: RequestContext, what: What): Fetch {
  return recordingFetch(context.store, context.send, { ...what, from: "alexa", to: "company" });
}

/** Fetches a metadata document of the MCP host or of the authorization server. */
export function metadataFetch(context: RequestContext, of: "mcp" | "company", what: What): Fetch {
  return async (request) => {
    const fault = context.store.faults.addOnMetadata ?? {};
    let exchange: Exchange | undefined;
    const send: Fetch = async (sent) => {
      const response = await context.send(sent);
      const slash = of === "mcp" && fault.resourceSlash;
      const plain = of === "company" && fault.withoutS256;
      if (response.status !== 200 || !(slash || plain)) return response;
      if (exchange) exchange.note = "The simulator changed this response (fault addOnMetadata).";
      return changeDocument(response, (document) => {
        if (slash) document.resource = changeResource(String(document.resource), "slash");
        else document.code_challenge_methods_supported = ["plain"];
      });
    };
    const record = recordingFetch(context.store, send, { ...what, from: "alexa", to: of }, (begun) => {
      exchange = begun;
    });
    return record(request);
  };
}

async function changeDocument(
  response: Response,
  change: (document: Record<string, unknown>) => void,
): Promise<Response> {
  const document = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  change(document);
  return Response.json(document, { headers: { "cache-control": response.headers.get("cache-control") ?? "no-store" } });
}
