/** A stream of one item: the request of a call that is answered by a stream. */

/** Yields `item`, and ends. */
export async function* onlyItem<T>(item: T): AsyncGenerator<T, void, void> {
  yield await Promise.resolve(item);
}
