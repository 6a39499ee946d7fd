// `@openauthjs/openauth` on Workers with its KV storage. Its documentation builds the issuer in each request; here it is
// built once per isolate, which spares it several storage calls a request.
import { issuer } from "@openauthjs/openauth";
import type { Provider } from "@openauthjs/openauth/provider/provider";
import { CloudflareStorage } from "@openauthjs/openauth/storage/cloudflare";
import type { SubjectSchema } from "@openauthjs/openauth/subject";
import { slowNamespace, withDelay } from "./delay.ts";
import { consentPage, sessionCookie, signedInUser } from "./session.ts";

interface Bindings {
  readonly AUTH_KV: KVNamespace;
}

interface Person {
  readonly userId: string;
}

/** A provider for people who have a session: it shows the consent page, and the form completes the flow. */
const session: Provider<Person> = {
  type: "session",
  init(routes, options) {
    routes.get("/authorize", async (c) => {
      if ((await signedInUser(c.req.raw)) === undefined) return c.text("Sign in", 401);
      return c.html(consentPage("Alexa", ["profile", "devices:control"], {}));
    });
    routes.post("/authorize", async (c) => {
      const userId = await signedInUser(c.req.raw);
      if (userId === undefined) return c.text("Sign in", 401);
      return options.success(c, { userId });
    });
  },
};

/** Accepts what `success` passes. */
const subjects = {
  user: {
    "~standard": {
      version: 1,
      vendor: "bench",
      validate: (value: unknown) => ({ value: value as Person }),
    },
  },
} satisfies SubjectSchema;

/**
 * Codes live 60 seconds, the least that KV takes. On Cloudflare the clock stands still within a request; here it moves,
 * and 60 may become 59.
 */
function withLeastTtl(namespace: KVNamespace): KVNamespace {
  return {
    ...namespace,
    put: (key: string, value: string, options: KVNamespacePutOptions = {}) => {
      const { expirationTtl } = options;
      return namespace.put(key, value, expirationTtl === 59 ? { expirationTtl: 60 } : options);
    },
  };
}

let built: ReturnType<typeof issuer> | undefined;

export default withDelay<Bindings>(async (request, env, context) => {
  if (new URL(request.url).pathname === "/bench/set-up")
    return Response.json({ cookie: await sessionCookie("user-1") });
  built ??= issuer({
    subjects,
    // The delay applies here: the issuer outlives a change of the setting.
    storage: CloudflareStorage({ namespace: withLeastTtl(slowNamespace(env.AUTH_KV)) as never }),
    providers: { session },
    ttl: { access: 3600, refresh: 400 * 24 * 3600 },
    allow: async ({ clientID }) => clientID === "alexa",
    success: async (responder, { userId }) => responder.subject("user", { userId }),
  });
  return built.fetch(request, env, context);
});
