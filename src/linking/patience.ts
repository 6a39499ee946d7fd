// How long a person waits for Amazon when the answer can do without it.
import type { Runtime } from "../runtime.ts";

const PATIENCE_MS = 15_000;

/** What `work` brings, or `otherwise` when that takes longer than fifteen seconds; it runs on all the same. Every call in it ends by itself. */
export async function withPatience<T>(rt: Runtime, work: Promise<T>, otherwise: T): Promise<T> {
  rt.background(work.catch(() => {}));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
