/**
 * Waiting in tests: always for something, and never forever. The deadline only guards against
 * hanging; nothing passes because time went by.
 */

/** Rejects, naming what was waited for, when `promise` is not settled within `limitMs`. */
export async function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again and again until it returns something other than undefined. */
export async function until<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  limitMs: number,
  what: string,
  stepMs = 50,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
}
