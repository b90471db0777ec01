/**
 * Reads the numbers, times and choices of a pipeline: fills in what is not set, and tells what is out
 * of range. A fault gives the default back, so that everything after it can be checked as well.
 */
import type { Duration } from "../../proto/messages/google.ts";
import { nameCharsMax } from "../limits.ts";
import type { Faults } from "./faults.ts";

/** Reads the settings of one pipeline. */
export class SettingReader {
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** An integer up to `max`; 0 is not set. */
  count(path: string, value: number, fallback: number, max: number): number {
    if (value === 0) return fallback;
    if (Number.isInteger(value) && value > 0 && value <= max) return value;
    this.#faults.add(
      path,
      `must be an integer from 1 to ${max}, or 0 for the default of ${fallback}`,
      value,
    );
    return fallback;
  }

  /** A number from `min` to `max`; 0 is not set. */
  number(
    path: string,
    value: number,
    fallback: number,
    min: number,
    max: number,
  ): number {
    if (value === 0) return fallback;
    if (value >= min && value <= max) return value;
    this.#faults.add(
      path,
      `must be from ${min} to ${max}, or 0 for the default of ${fallback}`,
      value,
    );
    return fallback;
  }

  /** A time in milliseconds from `min` to `max`; absent is not set. */
  timeMs<T>(
    path: string,
    value: Duration | undefined,
    fallback: T,
    min: number,
    max: number,
  ): number | T {
    if (value === undefined) return fallback;
    const ms = Number(value.seconds) * 1000 + value.nanos / 1_000_000;
    if (Math.abs(value.nanos) < 1_000_000_000 && ms >= min && ms <= max) {
      return ms;
    }
    this.#faults.add(path, `must be from ${min} to ${max} ms`, ms);
    return fallback;
  }

  /** What stands for an enum's number in `choices`. */
  choice<T>(path: string, value: number, choices: readonly T[]): T {
    const choice = choices[value];
    if (choice !== undefined) return choice;
    this.#faults.add(
      path,
      `must be a value of its enum, 0 to ${choices.length - 1}`,
      value,
    );
    return choices[0]!;
  }

  /** An id or name; not empty where it is required. */
  name(path: string, value: string, required: boolean): string {
    if (required && value === "") {
      this.#faults.add(path, "must not be empty", value);
    } else if (value.length > nameCharsMax) {
      this.#faults.add(
        path,
        `must have at most ${nameCharsMax} characters`,
        value,
      );
    }
    return value;
  }
}
