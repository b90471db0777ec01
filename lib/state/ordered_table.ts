/**
 * A map from strings in the order of UTF-16, whose copies cost nothing: a copy shares all nodes with
 * its original, and whoever writes first to a shared node gets its own. That is what makes a
 * snapshot of a large state lazy. The tree is that of sorted-btree, which has had copies of this
 * kind for years; a hand-made one would have to earn the same trust.
 */
import btree from "sorted-btree";
import type BTree from "sorted-btree";

type Tree<V> = BTree.default<string, V>;

// The package is CommonJS: its class is a property of the module object.
const TreeOf = btree.default;

/** The map. Values are replaced, never changed in place: copies share them. */
export class OrderedTable<V> {
  readonly #tree: Tree<V>;

  constructor(tree: Tree<V> = new TreeOf<string, V>(undefined, byUtf16)) {
    this.#tree = tree;
  }

  get size(): number {
    return this.#tree.size;
  }

  /** The highest key; undefined when the map is empty. */
  get lastKey(): string | undefined {
    return this.#tree.maxKey();
  }

  get(key: string): V | undefined {
    return this.#tree.get(key);
  }

  has(key: string): boolean {
    return this.#tree.has(key);
  }

  set(key: string, value: V): void {
    this.#tree.set(key, value);
  }

  /** Whether there was such a key. */
  delete(key: string): boolean {
    return this.#tree.delete(key);
  }

  /** In the order of their keys. The map must not change meanwhile: walk a copy. */
  values(): Iterable<V> {
    return this.#tree.values();
  }

  /** In the order of their keys. The map must not change meanwhile: walk a copy. */
  entries(): Iterable<[string, V]> {
    return this.#tree.entries();
  }

  /** Those at and after `key`. The map must not change meanwhile: walk a copy. */
  entriesFrom(key: string): Iterable<[string, V]> {
    return this.#tree.entries(key);
  }

  /** A copy, at once; changes to either do not show in the other. */
  fork(): OrderedTable<V> {
    return new OrderedTable(this.#tree.clone());
  }
}

function byUtf16(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
