/**
 * The flags that were read so far. All names of a flag, aliases included, always have one value; what
 * was not given gets its default at the end, so that a default never hides what was given.
 */
import type { Names } from "./args.ts";
import type { ParseOptions } from "./parse_args.ts";

const numeric = /^(0x[0-9a-f]+|[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?)$/i;

export class Flags {
  /** Whether every `--flag` without `=` is boolean. */
  readonly allBoolean: boolean;
  readonly #options: ParseOptions;
  readonly #aliases = new Map<string, ReadonlySet<string>>();
  readonly #booleans: ReadonlySet<string>;
  readonly #strings: ReadonlySet<string>;
  readonly #collected: ReadonlySet<string>;
  readonly #negatable: ReadonlySet<string>;
  readonly #result: Record<string, unknown> = {};

  constructor(options: ParseOptions) {
    this.#options = options;
    for (const [name, others] of Object.entries(options.alias ?? {})) {
      const group = new Set([name, ...listed(others)]);
      for (const each of group) this.#aliases.set(each, group);
    }
    this.allBoolean = options.boolean === true;
    this.#booleans = this.#all(options.boolean);
    this.#strings = this.#all(options.string);
    this.#collected = this.#all(options.collect);
    this.#negatable = this.#all(options.negatable);
  }

  isBoolean(name: string): boolean {
    return this.#booleans.has(name);
  }

  isNegatable(name: string): boolean {
    return this.#negatable.has(name);
  }

  /** A number where the text is one, unless the name is of strings. */
  typed(name: string, text: string): string | number {
    return numeric.test(text) && !this.#strings.has(name) ? Number(text) : text;
  }

  /** A flag without a value. */
  setBare(name: string, arg: string): void {
    this.set(name, this.#strings.has(name) ? "" : true, arg);
  }

  /** `arg` is what stood on the command line. */
  set(name: string, value: string | boolean, arg: string): void {
    if (!this.#accepts(name, value, arg)) return;
    const kept = typeof value === "string" ? this.typed(name, value) : value;
    for (const each of this.#group(name)) {
      write(
        this.#result,
        each,
        this.#collected.has(name) ? this.#appended(each, kept) : kept,
      );
    }
  }

  /** Sets the flag to false, even one that collects values. */
  negate(name: string, arg: string): void {
    if (!this.#accepts(name, false, arg)) return;
    for (const each of this.#group(name)) write(this.#result, each, false);
  }

  /** All flags, with defaults for those that were not given. */
  finish(): Readonly<Record<string, unknown>> {
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (read(this.#result, name) !== undefined) continue;
      for (const each of this.#group(name)) write(this.#result, each, value);
    }
    for (const name of [...this.#booleans, ...this.#collected]) {
      if (read(this.#result, name) !== undefined) continue;
      write(this.#result, name, this.#collected.has(name) ? [] : false);
    }
    return this.#result;
  }

  #appended(name: string, value: unknown): unknown[] {
    const before = read(this.#result, name);
    return Array.isArray(before) ? [...before, value] : [value];
  }

  #accepts(name: string, value: unknown, arg: string): boolean {
    const known = this.#booleans.has(name) || this.#strings.has(name) ||
      this.#aliases.has(name) || (this.allBoolean && /^--[^=]+$/.test(arg));
    return known || this.#options.unknown?.(arg, name, value) !== false;
  }

  #group(name: string): ReadonlySet<string> {
    return this.#aliases.get(name) ?? new Set([name]);
  }

  #all(names: boolean | Names | undefined): ReadonlySet<string> {
    return new Set(listed(names).flatMap((name) => [...this.#group(name)]));
  }
}

function listed(names: boolean | Names | undefined): readonly string[] {
  if (names === undefined || typeof names === "boolean") return [];
  return typeof names === "string" ? [names] : names;
}

/** The value at `a.b.c`; undefined where there is none, whatever Object.prototype has. */
function read(object: Record<string, unknown>, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (value, key) =>
      isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined,
    object,
  );
}

/** Writes own properties only: an argument such as `--__proto__.x` changes no prototype. */
function write(
  object: Record<string, unknown>,
  path: string,
  value: unknown,
): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  for (const key of keys) {
    const inner = Object.hasOwn(object, key) ? object[key] : undefined;
    // A copy: it may be a default of the caller.
    const next = isObject(inner) ? { ...inner } : {};
    define(object, key, next);
    object = next;
  }
  define(object, last, value);
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
