/** What a command of the client is: how it is called, what it is for, and what it does. */
import type { Findings } from "./output.ts";
import type { Session } from "./session.ts";

/** A flag of the command line. */
export interface Flag {
  /** Without its dashes: "dry-run". */
  readonly name: string;
  /** One letter, without its dash. */
  readonly short?: string;
  /** What stands behind it, for the help; a flag without it is a switch. */
  readonly value?: string;
  /** Whether it may be given several times. */
  readonly repeated?: boolean;
  /** Whether the command does not go without it. */
  readonly required?: boolean;
  /** The only values that it takes. */
  readonly choices?: readonly string[];
  /** Its variable of the environment, for a flag of all commands. */
  readonly variable?: string;
  /** What errors of the clients call it. */
  readonly options?: readonly string[];
  /** What it means, in a line of the help. */
  readonly help: string;
}

/** Values of flags, as they were given. */
export interface Flags {
  readonly text: (name: string) => string | undefined;
  readonly texts: (name: string) => readonly string[];
  readonly isSet: (name: string) => boolean;
}

/** A call of a command. */
export interface Call {
  /** What stands for its words; one that may be left out may be undefined. */
  readonly words: readonly (string | undefined)[];
  readonly flags: Flags;
  readonly session: Session;
  /** The text of a file, or of standard input for "-". */
  readonly read: (path: string) => Promise<string>;
  /** Prints a line. */
  readonly say: (line: string) => void;
  /** Tells something beside the output. */
  readonly note: (line: string) => void;
  /** Prints what was found, in the form that the operator asked for. */
  readonly show: (found: Findings) => void;
  /** Tells that a part could not be done; the others may still be. */
  readonly fail: (error: unknown) => void;
}

/** A command. */
export interface Command {
  /** "apply", "letters list". */
  readonly name: string;
  /** Words behind it: "ID"; "[ID]" may be left out, and "[ID…]" be any number. */
  readonly words?: readonly string[];
  /** What it does, in a line of the help. */
  readonly help: string;
  readonly flags?: readonly Flag[];
  /** The form of its output when nobody asks for one. @default "table" */
  readonly output?: "yaml";
  readonly run: (call: Call) => Promise<void>;
}
