/**
 * Deep equality as `@std/assert` defines it: by structure and by constructor, NaN equal to NaN,
 * 0 to -0, sets and maps without regard to order, values that hold themselves included.
 */

/** Whether `a` and `b` are equal in depth. */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

type Compared = Map<object, object>;

function compare(a: unknown, b: unknown, compared: Compared): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (
    typeof a !== "object" || typeof b !== "object" || a === null || b === null
  ) return false;
  if (!sameConstructor(a, b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof WeakMap || a instanceof WeakSet || a instanceof WeakRef) {
    return false;
  }
  // Already being compared further up: equal as far as this branch can tell.
  if (compared.get(a) === b) return true;
  compared.set(a, b);
  if (ArrayBuffer.isView(a) && !(a instanceof DataView)) {
    return sameElements(a, b, compared);
  }
  if (a instanceof ArrayBuffer) {
    return sameElements(
      new Uint8Array(a),
      new Uint8Array(b as ArrayBuffer),
      compared,
    );
  }
  if (a instanceof Set) return sameSet(a, b as Set<unknown>, compared);
  if (a instanceof Map) return sameMap(a, b as Map<unknown, unknown>, compared);
  if (a instanceof Error && (a.message !== (b as Error).message)) return false;
  return sameProperties(a, b, compared);
}

/** A plain object equals one without prototype; other classes must be the same. */
function sameConstructor(a: object, b: object): boolean {
  const [x, y] = [a.constructor, b.constructor];
  return x === y || (!x && y === Object) || (!y && x === Object);
}

function sameElements(
  a: ArrayBufferView,
  b: object,
  compared: Compared,
): boolean {
  const [x, y] = [a as Uint8Array, b as Uint8Array];
  return x.length === y.length &&
    x.every((value, i) => compare(value, y[i], compared));
}

function sameSet(
  a: Set<unknown>,
  b: Set<unknown>,
  compared: Compared,
): boolean {
  if (a.size !== b.size) return false;
  const rest = [...b].filter((value) => !a.has(value));
  return [...a].filter((value) => !b.has(value)).every((value) =>
    take(rest, (other) => compare(value, other, new Map(compared)))
  );
}

function sameMap(
  a: Map<unknown, unknown>,
  b: Map<unknown, unknown>,
  compared: Compared,
): boolean {
  if (a.size !== b.size) return false;
  const rest = [...b];
  return [...a].every(([key, value]) =>
    take(rest, ([otherKey, other]) => {
      const tried = new Map(compared);
      return compare(key, otherKey, tried) && compare(value, other, tried);
    })
  );
}

/** Takes the first element that fits out of `list`; whether there was one. */
function take<T>(list: T[], fits: (element: T) => boolean): boolean {
  const at = list.findIndex(fits);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

function sameProperties(a: object, b: object, compared: Compared): boolean {
  const [keys, otherKeys] = [ownKeys(a), ownKeys(b)];
  if (keys.length !== otherKeys.length) return false;
  return keys.every((key) =>
    Object.hasOwn(b, key) &&
    compare(Reflect.get(a, key), Reflect.get(b, key), compared)
  );
}

function ownKeys(value: object): PropertyKey[] {
  return Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key)
  );
}
