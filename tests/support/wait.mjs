// Waiting on facts, with a deadline; nothing here sleeps for a fixed time and hopes.

const POLL_MS = 10;
export const PATIENCE_MS = Number(process.env.CHATD_TEST_PATIENCE_MS ?? 30_000);

/** Resolves with the first truthy value of `fact()` (may be async); rejects with what was awaited once the time is over. */
export async function until(what, fact, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  while (true) {
    const value = await fact();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${patience} ms: ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A promise with a deadline. */
export async function within(promise, what, patience = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${patience} ms: ${what}`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
