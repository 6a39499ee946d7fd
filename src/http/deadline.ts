// Deadlines: how long a request waits for work whose result it can do without.

/** The result of `work`, or `fallback` after `timeoutMs`. Work that must finish also needs `rt.background`. */
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
