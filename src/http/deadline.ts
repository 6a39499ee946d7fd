// Deadlines: how long a request waits for work whose result it can do without.

/**
 * The result of `work`, or `fallback` when that takes longer than `timeoutMs` (milliseconds). The work is not
 * cancelled: keep it alive with `rt.background` where it must finish.
 */
export async function withDeadline<T, Fallback>(
  work: Promise<T>,
  timeoutMs: number,
  fallback: Fallback,
): Promise<T | Fallback> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Fallback>((resolve) => {
    timer = setTimeout(() => resolve(fallback), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
