/**
 * Items gathered into batches: as many as are there, up to a number, waiting for more no longer than
 * a moment from the first one on.
 */

/** Batches of one to `max` items, each at most `lingerMs` old when it is given out. */
export async function* gathered<T>(
  items: AsyncIterable<T> | Iterable<T>,
  max: number,
  lingerMs: number,
): AsyncGenerator<T[], void, void> {
  if (!(Symbol.asyncIterator in items)) return yield* sliced(items, max);
  const iterator = items[Symbol.asyncIterator]();
  let next = iterator.next();
  let over = false;
  try {
    while (!over) {
      const first = await next;
      if (first.done) return;
      const batch = [first.value];
      const { promise: late, resolve } = Promise.withResolvers<"late">();
      const timer = setTimeout(() => resolve("late"), lingerMs);
      try {
        while (batch.length < max) {
          next = iterator.next();
          const item = await Promise.race([next, late]);
          if (item === "late") break;
          over = item.done === true;
          if (item.done) break;
          batch.push(item.value);
        }
        if (batch.length === max) next = iterator.next();
      } finally {
        clearTimeout(timer);
      }
      yield batch;
    }
  } finally {
    // Who stops early may leave an item on its way: its error is nobody's any more.
    next.catch(() => {});
    if (!over) await iterator.return?.();
  }
}

function* sliced<T>(
  items: Iterable<T>,
  max: number,
): Generator<T[], void, void> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < max) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
