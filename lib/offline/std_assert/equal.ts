/**
 * Deep equality as `@std/assert` defines it: by structure and by prototype, NaN equal to NaN, 0 to
 * -0, sets and maps without regard to order, values that hold themselves included.
 */

/**
 * Whether `a` and `b` are equal in depth.
 *
 * @throws {TypeError} for two WeakMaps or two WeakSets, whose contents nobody can see.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

type Compared = Map<object, object>;

function compare(a: unknown, b: unknown, compared: Compared): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (!isObject(a) || !isObject(b) || !samePrototype(a, b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`cannot compare ${a.constructor.name} instances`);
  }
  // Already being compared further up: equal as far as this branch can tell.
  if (compared.get(a) === b) return true;
  compared.set(a, b);
  if (a instanceof WeakRef) {
    return compare(a.deref(), (b as WeakRef<object>).deref(), compared);
  }
  if (ArrayBuffer.isView(a) && !(a instanceof DataView)) {
    return sameElements(a as Uint8Array, b as Uint8Array);
  }
  if (a instanceof ArrayBuffer || a instanceof SharedArrayBuffer) {
    return sameElements(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  }
  if (a instanceof Set) return sameSet(a, b as Set<unknown>, compared);
  if (a instanceof Map) return sameMap(a, b as Map<unknown, unknown>, compared);
  return sameProperties(a, b, compared);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** An object without prototype equals a plain one; otherwise they must be of the same class. */
function samePrototype(a: object, b: object): boolean {
  return (Object.getPrototypeOf(a) ?? Object.prototype) ===
    (Object.getPrototypeOf(b) ?? Object.prototype);
}

/** Elements of typed arrays are numbers or bigints, of the same kind on both sides. */
function sameElements(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length &&
    a.every((value, i) => value === b[i] || Object.is(value, b[i]));
}

function sameSet(
  a: Set<unknown>,
  b: Set<unknown>,
  compared: Compared,
): boolean {
  if (a.size !== b.size) return false;
  const others = [...b].filter((value) => !a.has(value));
  // What is no object has its equal by `has` or nowhere.
  if (!others.every(isObject)) return false;
  return [...a].filter((value) => !b.has(value)).every((value) =>
    isObject(value) &&
    take(others, (other) => compare(value, other, new Map(compared)))
  );
}

function sameMap(
  a: Map<unknown, unknown>,
  b: Map<unknown, unknown>,
  compared: Compared,
): boolean {
  if (a.size !== b.size) return false;
  const others = [...b].filter(([key]) => isObject(key));
  return [...a].every(([key, value]) => {
    if (!isObject(key)) {
      return b.has(key) && compare(value, b.get(key), compared);
    }
    return take(others, ([otherKey, other]) => {
      const tried = new Map(compared);
      return compare(key, otherKey, tried) && compare(value, other, tried);
    });
  });
}

/** Takes the first element that fits out of `list`; whether there was one. */
function take<T>(list: T[], fits: (element: T) => boolean): boolean {
  const at = list.findIndex(fits);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

function sameProperties(a: object, b: object, compared: Compared): boolean {
  const [keys, otherKeys] = [keysOf(a), keysOf(b)];
  return keys.size === otherKeys.size &&
    (!Array.isArray(a) || a.length === (b as unknown[]).length) &&
    [...keys].every((key) =>
      otherKeys.has(key) &&
      compare(Reflect.get(a, key), Reflect.get(b, key), compared)
    );
}

/**
 * The keys whose values make the object. Instances of classes often keep their state behind accessors
 * of the prototype or non-enumerable symbols; where an error was made is no part of what it says.
 */
function keysOf(value: object): Set<PropertyKey> {
  const prototype = Object.getPrototypeOf(value) ?? Object.prototype;
  if (prototype === Object.prototype || prototype === Array.prototype) {
    return new Set(
      Reflect.ownKeys(value).filter((key) =>
        Object.prototype.propertyIsEnumerable.call(value, key)
      ),
    );
  }
  const keys = new Set<PropertyKey>(Reflect.ownKeys(value));
  for (
    let level = prototype;
    level && level !== Object.prototype && level !== Array.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (const key of Reflect.ownKeys(level)) {
      if (Object.getOwnPropertyDescriptor(level, key)?.get) keys.add(key);
    }
  }
  if (value instanceof Error) keys.delete("stack");
  return keys;
}
