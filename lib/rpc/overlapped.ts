/**
 * Work on the items of a stream, a bounded number at a time, answered in the order of the items. An
 * item is taken from the stream only when there is room for it, and there is room again once an
 * answer has been taken: who does not read answers is not read from. What was taken is answered
 * before a failure of the stream is told.
 */

/** Gives the answer of an item that was begun, when it is that item's turn. */
export type Answer<R> = () => R | Promise<R>;

/**
 * Begins every item, so that at most `concurrency` are unanswered, and yields the answers in order.
 * `begin` starts the work; what it returns is called once all earlier items are answered,
 * and is left out for an item that wants no answer.
 */
export async function* overlapped<T, R>(
  items: AsyncIterable<T>,
  concurrency: number,
  begin: (item: T) => Answer<R> | undefined,
): AsyncGenerator<R, void, void> {
  const begun: Answer<R>[] = [];
  let failed: { readonly reason: unknown } | undefined;
  let [ended, left] = [false, false];
  let wakeReader: (() => void) | undefined;
  let wakeWriter: (() => void) | undefined;
  const iterator = items[Symbol.asyncIterator]();

  const readAll = async (): Promise<void> => {
    try {
      while (!left) {
        const { done, value } = await iterator.next();
        if (done || left) return;
        const answer = begin(value);
        if (!answer) continue;
        begun.push(answer);
        wakeWriter?.();
        while (begun.length >= concurrency && !left) {
          await new Promise<void>((resolve) => wakeReader = resolve);
        }
      }
    } catch (reason) {
      failed = { reason };
    } finally {
      ended = true;
      wakeWriter?.();
    }
  };
  readAll();
  try {
    while (true) {
      const answer = begun[0];
      if (answer) {
        const given = answer();
        const result = given instanceof Promise ? await given : given;
        begun.shift();
        wakeReader?.();
        yield result;
      } else if (!ended) {
        await new Promise<void>((resolve) => wakeWriter = resolve);
      } else if (failed) {
        throw failed.reason;
      } else {
        return;
      }
    }
  } finally {
    left = true;
    wakeReader?.();
    // Not awaited: an iterator that waits for its next item returns only after it.
    iterator.return?.()?.catch(() => {});
  }
}
