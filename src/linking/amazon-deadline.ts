// How long a status or unlink request waits for Amazon, which may respond after us.
import { withDeadline } from "../http/deadline.ts";
import type { Runtime } from "../runtime.ts";

const AMAZON_DEADLINE_MS = 15_000;

/** The result of `work`, or `fallback` after fifteen seconds. `work` continues; its calls have their own limits. */
export function withAmazonDeadline<T>(rt: Runtime, work: Promise<T>, fallback: T): Promise<T> {
  rt.background(work.catch(() => {}));
  return withDeadline(work, AMAZON_DEADLINE_MS, fallback);
}
