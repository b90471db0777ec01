/**
 * `parseArgs` of `jsr:@std/cli`, for machines that cannot reach jsr.io. Signature and meaning are
 * those of the original; flags are typed by the names in `string`, `boolean` and `collect`.
 */

/** One name, or several. */
export type Names<N extends string> = N | readonly N[];

/** How arguments are read. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
> {
  /** Flags without a value; `true` makes every `--flag` without `=` one. */
  boolean?: boolean | Names<B>;
  /** Flags whose value is always a string. */
  string?: Names<S>;
  /** Flags that may be given more than once, their values in an array. */
  collect?: Names<C>;
  /** Boolean flags of which `--no-flag` is false. */
  negatable?: Names<string>;
  /** Other names of flags. */
  alias?: Readonly<Record<string, Names<string>>>;
  /** Values of flags that are not given. */
  default?: Readonly<Record<string, unknown>>;
  /** Everything behind the first argument that is no flag is left as it is. */
  stopEarly?: boolean;
  /** Puts what is behind `--` into `"--"` instead of `_`. */
  "--"?: boolean;
  /** Told of each flag and argument that no option names; `false` leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type FlagValue<N, S, B, C> = N extends C ? (N extends S ? string[] : unknown[])
  : N extends S ? string | undefined
  : N extends B ? boolean
  : unknown;

/** The flags by name, the rest in `_`. */
export type Args<S extends string, B extends string, C extends string> =
  & { [N in S | B | C]: FlagValue<N, S, B, C> }
  & { _: (string | number)[]; "--": string[]; [flag: string]: unknown };

const numeric = /^(0x[0-9a-f]+|[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?)$/i;

/** Reads command-line arguments. */
export function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
>(
  args: readonly string[],
  options: ParseOptions<B, S, C> = {},
): Args<S, B, C> {
  const parser = new Parser(options as ParseOptions);
  parser.read(args);
  return parser.finish() as Args<S, B, C>;
}

class Parser {
  readonly #options: ParseOptions;
  readonly #result: Record<string, unknown> = {};
  readonly #positional: (string | number)[] = [];
  #behind: string[] = [];
  readonly #booleans: ReadonlySet<string>;
  readonly #strings: ReadonlySet<string>;
  readonly #collected: ReadonlySet<string>;
  readonly #negatable: ReadonlySet<string>;
  readonly #aliases = new Map<string, ReadonlySet<string>>();
  readonly #given = new Set<string>();

  constructor(options: ParseOptions) {
    this.#options = options;
    for (const [name, others] of Object.entries(options.alias ?? {})) {
      const group = new Set([name, ...namesOf(others)]);
      for (const each of group) this.#aliases.set(each, group);
    }
    const all = (names: Names<string> | undefined): ReadonlySet<string> =>
      new Set(namesOf(names).flatMap((name) => [...this.#group(name)]));
    const { boolean } = options;
    this.#booleans = all(typeof boolean === "boolean" ? [] : boolean);
    this.#strings = all(options.string);
    this.#collected = all(options.collect);
    this.#negatable = all(options.negatable);
  }

  read(args: readonly string[]): void {
    const end = args.indexOf("--");
    if (end >= 0) {
      this.#behind = args.slice(end + 1);
      args = args.slice(0, end);
    }
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!;
      if (arg.startsWith("--")) i += this.#long(arg, args[i + 1]);
      else if (/^-[^-]/.test(arg) && !numeric.test(arg)) {
        i += this.#short(arg, args[i + 1]);
      } else if (!this.#argument(arg) && this.#options.stopEarly) {
        this.#positional.push(...args.slice(i + 1));
        return;
      }
    }
  }

  finish(): Record<string, unknown> {
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (this.#given.has(name)) continue;
      for (const each of this.#group(name)) this.#assign(each, value);
    }
    for (const name of this.#booleans) {
      if (!this.#has(name)) {
        this.#assign(name, this.#collected.has(name) ? [] : false);
      }
    }
    for (const name of this.#collected) {
      if (!this.#has(name)) this.#assign(name, []);
    }
    if (this.#options["--"]) this.#result["--"] = this.#behind;
    else this.#positional.push(...this.#behind);
    return Object.assign(this.#result, { _: this.#positional });
  }

  /** Reads `--name`, `--name=value` or `--no-name`; how many arguments it took besides. */
  #long(arg: string, next: string | undefined): number {
    const equals = arg.indexOf("=");
    const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
    if (equals >= 0) {
      const text = arg.slice(equals + 1);
      this.#set(
        name,
        this.#booleans.has(name) ? text !== "false" : this.#value(name, text),
        arg,
      );
      return 0;
    }
    const positive = name.startsWith("no-") ? name.slice(3) : undefined;
    if (positive !== undefined && this.#negatable.has(positive)) {
      this.#set(positive, false, arg);
      return 0;
    }
    return this.#takeValue(name, next, arg);
  }

  /** Reads `-a`, `-abc`, `-n5` or `-n=5`. */
  #short(arg: string, next: string | undefined): number {
    const letters = arg.slice(1);
    for (let i = 0; i < letters.length - 1; i++) {
      const letter = letters[i]!;
      const rest = letters.slice(i + 1);
      const value = rest.startsWith("=") ? rest.slice(1) : rest;
      if (value !== rest || numeric.test(rest) || /^\W/.test(rest)) {
        this.#set(letter, this.#value(letter, value), arg);
        return 0;
      }
      this.#set(letter, this.#strings.has(letter) ? "" : true, arg);
    }
    return this.#takeValue(letters.at(-1)!, next, arg);
  }

  /** A flag whose value, if it takes one, is the next argument. */
  #takeValue(name: string, next: string | undefined, arg: string): number {
    const boolean = this.#booleans.has(name) || this.#options.boolean === true;
    if (boolean && (next === "true" || next === "false")) {
      this.#set(name, next === "true", arg);
      return 1;
    }
    const takes = !boolean && next !== undefined &&
      (!next.startsWith("-") || numeric.test(next));
    if (takes) this.#set(name, this.#value(name, next), arg);
    else this.#set(name, this.#strings.has(name) ? "" : true, arg);
    return takes ? 1 : 0;
  }

  /** Whether the argument was left out. */
  #argument(arg: string): boolean {
    if (this.#options.unknown?.(arg) === false) return true;
    const asNumber = numeric.test(arg) && !this.#strings.has("_");
    this.#positional.push(asNumber ? Number(arg) : arg);
    return false;
  }

  #value(name: string, text: string): unknown {
    return !this.#strings.has(name) && numeric.test(text) ? Number(text) : text;
  }

  #set(name: string, value: unknown, arg: string): void {
    const { unknown } = this.#options;
    if (unknown && !this.#known(name) && unknown(arg, name, value) === false) {
      return;
    }
    for (const each of this.#group(name)) {
      const collects = this.#collected.has(each);
      const before = this.#given.has(each) ? this.#at(each) as unknown[] : [];
      this.#assign(each, collects ? [...before, value] : value);
    }
    for (const each of this.#group(name)) this.#given.add(each);
  }

  #known(name: string): boolean {
    return this.#booleans.has(name) || this.#strings.has(name) ||
      this.#collected.has(name) ||
      this.#aliases.has(name) || (this.#options.boolean === true);
  }

  #group(name: string): ReadonlySet<string> {
    return this.#aliases.get(name) ?? new Set([name]);
  }

  /** `a.b` is the property b of a. */
  #assign(name: string, value: unknown): void {
    const steps = name.split(".");
    let target = this.#result;
    for (const step of steps.slice(0, -1)) {
      if (step === "__proto__") return;
      target = (target[step] ??= {}) as Record<string, unknown>;
    }
    const last = steps.at(-1)!;
    if (last !== "__proto__") target[last] = value;
  }

  #at(name: string): unknown {
    return name.split(".").reduce<unknown>(
      (value, step) => (value as Record<string, unknown> | undefined)?.[step],
      this.#result,
    );
  }

  #has(name: string): boolean {
    return this.#at(name) !== undefined;
  }
}

function namesOf(names: Names<string> | undefined): readonly string[] {
  if (names === undefined) return [];
  return typeof names === "string" ? [names] : names;
}
