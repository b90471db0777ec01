/**
 * What an operator has set, and where. Whoever refuses a value later on knows it by the name of an option
 * of the program; the operator is told of it by the flag, the variable or the key that it stands in.
 */
import { ConveyorError } from "../errors.ts";
import { invariant } from "../invariant.ts";
import type { Setting, SettingValue } from "./setting.ts";

/** A value, and the name of the flag, the variable or the key that has it. */
export interface PlacedValue {
  readonly value: SettingValue;
  readonly place: string;
}

/** Values by the settings' keys. */
export type PlacedValues = ReadonlyMap<string, PlacedValue>;

/** Every value that is set. */
export class Configuration {
  readonly #settings: readonly Setting[];
  readonly #values: PlacedValues;

  /** The first of `sources` that has a value wins. */
  constructor(settings: readonly Setting[], sources: readonly PlacedValues[]) {
    this.#settings = settings;
    this.#values = new Map(sources.toReversed().flatMap((each) => [...each]));
  }

  /** A text; undefined where nobody has set it. */
  text(key: string): string | undefined {
    return this.#value(key, "text", "choice", "file") as string | undefined;
  }

  /** A text, or what stands for it when nobody has set it. */
  textOrDefault(key: string): string {
    const value = this.text(key) ?? this.#setting(key).fallback;
    invariant(typeof value === "string", `setting "${key}" has a default`);
    return value;
  }

  /** A number; undefined where nobody has set it. */
  number(key: string): number | undefined {
    return this.#value(key, "integer") as number | undefined;
  }

  /** A number, or what stands for it when nobody has set it. */
  numberOrDefault(key: string): number {
    const value = this.number(key) ?? this.#setting(key).fallback;
    invariant(typeof value === "number", `setting "${key}" has a default`);
    return value;
  }

  /** A list; where nobody has set it, what stands for it, or an empty one. */
  list(key: string): readonly string[] {
    const { fallback = [] } = this.#setting(key);
    return (this.#value(key, "list") ?? fallback) as readonly string[];
  }

  /** Keys of the files that are named. */
  get fileKeys(): readonly string[] {
    return this.#settings.filter(({ key, rule }) =>
      rule.kind === "file" && this.#values.has(key)
    ).map(({ key }) => key);
  }

  /** Where the value stands; of one that nobody has set, its flag. */
  placeOf(key: string): string {
    return this.#values.get(key)?.place ?? `--${this.#setting(key).flag}`;
  }

  /** `thrown` with each option that it names called as the operator knows it. */
  inOperatorsWords(thrown: unknown): unknown {
    if (!(thrown instanceof ConveyorError)) return thrown;
    const [detail] = thrown.details;
    if (detail === undefined) return thrown;
    // What was found may be a word like any other, and names no option.
    const found = thrown.message.lastIndexOf(
      /, found .*$/s.exec(detail.description)?.[0] ?? "",
    );
    const renamed = (text: string): string =>
      text.replaceAll(/"([\w.[\]]+)"/g, (quoted, option) => {
        const place = this.#placeOfOption(option);
        return place === undefined ? quoted : `"${place}"`;
      });
    const message = renamed(thrown.message.slice(0, found)) +
      thrown.message.slice(found);
    if (message === thrown.message) return thrown;
    return new ConveyorError(thrown.code, message, {
      cause: thrown,
      metadata: thrown.metadata,
      details: thrown.details.map(({ field, description }) => ({
        field: this.#placeOfOption(field) ?? field,
        description,
      })),
    });
  }

  /** Of `services[0].url` and `peers.2` too, where `services` and `peers` are settings. */
  #placeOfOption(name: string): string | undefined {
    const setting = this.#settings.find(({ option }) =>
      option !== undefined &&
      (name === option || name.startsWith(`${option}.`) ||
        name.startsWith(`${option}[`))
    );
    return setting && this.placeOf(setting.key);
  }

  #setting(key: string): Setting {
    const setting = this.#settings.find((setting) => setting.key === key);
    invariant(setting !== undefined, `there is no setting "${key}"`);
    return setting;
  }

  #value(key: string, ...kinds: string[]): SettingValue | undefined {
    const { kind } = this.#setting(key).rule;
    invariant(kinds.includes(kind), `setting "${key}" is a ${kind}`);
    return this.#values.get(key)?.value;
  }
}
