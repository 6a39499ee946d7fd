// What broke at other account-linking servers, and what this one does about it.
import { documentedOnly, notYet, partly, proven, type Source } from "./requirement.ts";

export const LESSONS: Source = {
  title: "Field lessons",
  about:
    "Faults that unlinked customers, kept them from attempt, or opened a hole at other servers. Tests carry the id in their name.",
  requirements: [
    proven(
      "T1",
      "A confidential client's refresh token stays what it is, without an end of its own, as long as it is used.",
    ),
    proven("T2", "Any number of refreshes of one token at the same time succeed, and everything they hand out works."),
    proven(
      "T3",
      "Where refresh tokens rotate, the old one works until the new one has been used, however late, and always yields the same new one.",
    ),
    proven("T4", "Tokens, grants and revocations live in D1; with KV gone they are still answered correctly."),
    proven(
      "T5",
      "Both the first answer and every refresh are complete: access token, type Bearer, whole seconds, refresh token.",
    ),
    proven(
      "T6",
      "Each answer carries a new access token of full life, at least 360 seconds; earlier ones live on to their end.",
    ),
    proven("T7", "A link does not depend on the customer's browser login, nor on a special scope."),
    proven("T8", "A fault of ours is 503 with Retry-After; invalid_grant is said only of what is known to be bad."),
    proven(
      "T9",
      "Only hashes of tokens are stored, each is bound to its client, and a retired one raises an alert without ending an honest link.",
    ),
    proven(
      "T10",
      "Codes and refresh tokens are short and plain, access tokens under 800 characters and free of personal data.",
    ),

    proven("C1", "A code leaves only after its D1 row is written; a failing KV copy does not matter."),
    proven("C2", "When KV is late, wrong, slow or down, the exchange reads D1 at once."),
    proven("C3", "KV allows nothing: whether a code is unspent, in time and of a living user is decided in D1."),
    proven("C4", "Of any number of redemptions of one code at once exactly one succeeds."),
    proven("C5", "Codes and tokens are read from the primary database, never from a replica."),
    proven(
      "C6",
      "A code is bound to client, redirect URI, challenge and user; a mismatch is refused and does not spend it.",
    ),
    proven(
      "C7",
      "A code presented twice is refused; outside a short window, by the authenticated client, it ends the grant it gave.",
    ),
    proven("C8", "KV's shortest lifetime never makes an exchange or a consent fail."),

    proven(
      "R1",
      "All three of Amazon's redirect hosts are registered from one vendor id, or the missing ones are named.",
    ),
    proven("R2", "Redirect URIs are compared as strings, byte for byte, before anything is parsed."),
    partly(
      "R3",
      "Amazon's hops after our redirect are not registered here and not blocked by our pages.",
      "That the generator never lists them is seen only in the exact list that the test of R1 compares.",
      "@R1",
      "@P1",
    ),
    proven("R4", "An unregistered redirect URI gets a page, and the operator sees client and exact string."),
    proven(
      "R5",
      "Addresses of the website and of the app are kept apart; a code works only with the one it was issued for.",
    ),

    proven("B1", "state comes back byte for byte."),
    proven("B2", "The answer is joined to the registered URI without rewriting its query."),
    proven("B3", "state of several kilobytes works; beyond the stated limit a clear page says so."),
    proven(
      "B4",
      "Repeated parameters, control characters and odd encodings never make an exception or a second header.",
    ),

    proven("P1", "The button's redirect chain is not stopped by the page's own policy."),
    proven("P2", "HEAD, repeated GET and prefetches change nothing."),
    proven("P3", "A second tap on a decision gets the answer of the first."),
    proven("P4", "Several tabs link side by side; a form works only in the browser that it was drawn in."),
    proven("P5", "Cookies are host-only, unseen by scripts, and survive the way back from another site."),
    proven("P6", "Pages work on a small phone, without scripts and third parties, in the visitor's language."),
    proven("P7", "Every page forbids framing, caching and referrers; a POST is answered with 303 only."),
    proven("P8", "Known faults of the apps around us are named with their remedy."),

    proven(
      "W1",
      "Every answer of the token endpoint is JSON in the agreed form, uncaught exceptions and wrong methods included.",
    ),
    proven("W2", "A token request is answered within four seconds, in at most two storage trips."),
    proven("W3", "A Java client without browser headers, from one address, at any rate, is served."),
    proven("W4", "Broken bodies are 400, never 500."),
    proven("W5", "Authorization and token URL swapped by mistake name themselves."),

    proven("A1", "HTTP Basic is read both form-encoded and raw."),
    proven("A2", "Malformed HTTP Basic is 401, never an exception."),
    proven("A3", "Basic and body credentials both work for every confidential client; both at once do not."),
    proven("A4", "Secrets are compared in constant time, and two are valid during a rotation."),

    proven("L1", "Our code goes into the enablement call, never Amazon's, with the redirect URI it was issued for."),
    proven("L2", "All three regions are tried in the remembered order, each with a fresh code."),
    proven("L3", "Alexa can redeem our code while our enablement call is still open."),
    proven(
      "L4",
      "Each refusal of the enablement API has a named outcome, and a dead enablement forgets Amazon's tokens.",
      "enablement over regions > reports %s, for good",
      "L8: the true state > %s from Alexa ends the grant and forgets Amazon's tokens",
    ),
    proven("L5", "Each refusal of Login with Amazon has a named outcome, in our words."),
    proven("L6", "Linking that began in the Alexa app goes back to it, whether allowed, denied or failed."),
    proven("L7", "The app gets association files as plain JSON, and a sealed result instead of Amazon's tokens."),
    proven("L8", "Whether a link exists is what Alexa says now; when nobody can tell, it is unknown."),

    proven("U1", "A disabled skill ends exactly the grant that the event names, once."),
    proven(
      "U2",
      "Links that nobody ends are shown with their last use and end after long idleness.",
      "rows that had their time > go; those that have not, stay",
    ),
    proven("U3", "Unlinking stops refresh, codes and introspection from the next request on."),
    proven("U4", "Linking again needs no clean-up, any number of times."),
    proven("U5", "A second Amazon account links beside the first and does not replace it."),

    proven(
      "S1",
      "Only the person who started a linking completes it, and only with what Amazon answered to that person.",
    ),
    proven("S2", "A code for Alexa always follows from a decision; the response can name its issuer."),
    proven("S3", "Forms and callbacks work only in the browser and session they belong to, once."),
    proven("S4", "Skill events are believed only with a good certificate chain, signature, time and skill id."),
    proven("S5", "Accounts are never joined by e-mail address."),
    proven("S6", "A code with a challenge needs its verifier, a code without refuses one, and only S256 exists."),
    proven("S7", "Nothing redirects to an address that was not registered, and only https can be."),
    documentedOnly(
      "S8",
      "No mail asks to relink, and pages carry the operator's brand.",
      "The service sends no mail; docs/deploy.md and docs/website.md say how to lead customers to the link page.",
    ),

    proven("F1", "Password hashing stays under the runtime's limit, and older hashes go on working."),
    proven("F2", "Every outbound call goes through one wrapper that follows no redirect and has a time limit."),
    proven("F3", "Guessing is limited by a durable count, per account and network, without locking the owner out."),
    proven("F4", "Lists are paged; no query grows with the number of rows."),
    proven("F5", "A connection lost after the write is recognised on the repeat."),
    proven(
      "F6",
      "Thrown errors become well-formed answers with an error id.",
      "storage that does not answer > T8: is 503 with Retry-After on every route, at every statement, and never a stack trace",
    ),
    proven("F7", "Nothing that must not be lost runs after the answer; clean-up is bounded and repeatable."),

    documentedOnly(
      "V1",
      "The tools bring the Node version they need.",
      "package.json pins the npm package `node`; scripts/dev.ts says so when another runs it.",
    ),
    documentedOnly(
      "V2",
      "Test runner, vitest and wrangler are one tested set.",
      "Exact versions in package.json and the lock file; CI installs with `npm ci`.",
    ),
    documentedOnly(
      "V3",
      "Tests share no rows.",
      "test/workerd/setup.ts empties the storage before each test; no test asserts this of the runner itself.",
    ),
    proven("V4", "Time is injected; only the clock asks the system."),
    partly(
      "V5",
      "What the local runtime does not enforce is guarded by tests of our own.",
      "A smoke test against a deployed Worker needs an account and is described in docs/deploy.md.",
      "@F1",
      "@C2",
      "@F4",
    ),
    notYet(
      "V6",
      "Tests and demo run offline, and the compatibility date fits the pinned runtime.",
      "The tests never leave the machine, but CI has no job with the network off.",
    ),
    proven("V7", "No dynamic imports, and tools send no metrics."),
    proven("V8", "The simulator plays Alexa's habits and fails servers that are broken on purpose."),
    proven("V9", "The simulator plays Login with Amazon and the enablement API of three regions."),

    documentedOnly(
      "O1",
      "Port 443 and a certificate that Amazon accepts.",
      "docs/deploy.md; Cloudflare terminates TLS.",
    ),
    proven("O2", "What to enter at Amazon is generated, and equals what the server accepts."),
    proven("O3", "AcceptGrant answers as Alexa wants it, and its failures say why.", "@O3"),
    proven("O4", "Each attempt has one trace id and a named outcome, without secrets."),
    documentedOnly(
      "O5",
      "What certification asks for.",
      "docs/deploy.md and docs/alexa.md; most of it belongs to the skill and its owner.",
    ),
    proven("O6", "http is for loopback hosts in development only."),
    proven("O7", "No live secret lies in the repository or in its history."),
    documentedOnly("O8", "Links that end by Amazon's rules are told apart from ours.", "docs/troubleshooting.md"),
    partly(
      "O9",
      "What Amazon leaves open is switchable.",
      "Whether the live Alexa agrees is known only after a live trial.",
      "@A1",
      "@S2",
      "the simulator beside the real service > V8: the service passes every conformance check",
    ),
  ],
};
