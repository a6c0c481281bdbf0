/**
 * Waiting in tests.
 *
 * @module
 */

/**
 * Waits until a condition holds.
 *
 * @param what the condition in words, for the failure
 * @param deadlineMs milliseconds before the wait fails
 */
export async function eventually(
  what: string,
  condition: () => boolean,
  deadlineMs = 10_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) {
      throw new Error(`not within ${deadlineMs} ms: ${what}`);
    }
    await new Promise((resume) => setTimeout(resume, 2));
  }
}
