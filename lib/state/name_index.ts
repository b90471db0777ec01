/**
 * Which ids go by a name: the way from what a pipeline selects by to the services that it may mean.
 * Made anew from the state wherever the state is replaced, so it is in no snapshot.
 */

/** Sets of ids by name. */
export class NameIndex {
  readonly #ids: Map<string, Set<string>> = new Map();

  /** Adds an id to a name. The empty name has none. */
  add(name: string, id: string): void {
    if (name === "") return;
    const ids = this.#ids.get(name);
    if (ids) ids.add(id);
    else this.#ids.set(name, new Set([id]));
  }

  /** Takes an id from a name. */
  remove(name: string, id: string): void {
    const ids = this.#ids.get(name);
    if (ids?.delete(id) && ids.size === 0) this.#ids.delete(name);
  }

  /** The ids of a name, in order. */
  ids(name: string): string[] {
    return [...this.#ids.get(name) ?? []].sort();
  }
}
