/**
 * What a process needs to be permitted, found out before it starts: otherwise the first thing that is
 * not would end the process somewhere deep inside, with a trace instead of a sentence.
 */

/** What it touches. */
export interface Needs {
  /** Where it listens, and whom it dials by itself: `host:port`, `host`, `unix:/path`. */
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** Tells whether something is permitted; as Deno does. */
export interface Permits {
  readonly query: (descriptor: Deno.PermissionDescriptor) => boolean;
  /** Whether these variables of the environment may be read, or are ignored. */
  readonly environment: (names: readonly string[]) => boolean;
}

/** Whether Deno would ask whoever sits at the terminal: of a process that serves nobody is asked. */
export function wouldAsk(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "prompt";
}

/** A variable of the environment; one that may not be read is not set. */
export function permittedVariable(name: string): string | undefined {
  if (wouldAsk({ name: "env", variable: name })) return undefined;
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** The permits of this process. */
export const processPermits: Permits = {
  query: (descriptor) =>
    Deno.permissions.querySync(descriptor).state === "granted",
  environment: (names) => {
    const variables = names.map((name) => name.replace("*", "X"));
    if (variables.some((variable) => wouldAsk({ name: "env", variable }))) {
      return false;
    }
    try {
      // Ignored variables are not set, and it is no error to ask for them.
      for (const variable of variables) Deno.env.get(variable);
      return true;
    } catch {
      return false;
    }
  },
};

/** Variables, some of them patterns, that grpc-js, the log and the reader of YAML read. */
export const runtimeVariables: readonly string[] = [
  "GRPC_*",
  "LOG_STREAM",
  "LOG_TOKENS",
  "NO_COLOR",
  "grpc_proxy",
  "http_proxy",
  "https_proxy",
  "no_grpc_proxy",
  "no_proxy",
];

/** What is needed to listen at an address, or to dial it. */
export function needsOfAddress(address: string): Needs {
  if (address.startsWith("unix:")) {
    const path = [address.slice("unix:".length)];
    return { net: [address], read: path, write: path };
  }
  const host = address.replace(/^https?:\/\//, "");
  const [, name] = /^([^:[\]]*[^:[\]\d.][^:[\]]*)(?::\d+)?$/.exec(host) ?? [];
  // To look a name up takes the permission for it alone, which is one for all of its ports.
  return { net: [name ?? host], read: [], write: [] };
}

/** All of it, each thing once. */
export function joinNeeds(...all: readonly Partial<Needs>[]): Needs {
  const of = (kind: keyof Needs): readonly string[] => [
    ...new Set(all.flatMap((needs) => needs[kind] ?? [])),
  ];
  return { net: of("net"), read: of("read"), write: of("write") };
}

/**
 * One sentence that names the flags to add for the process called `name`, which also reads the variables
 * `variables`; undefined when all is permitted.
 */
export function missingPermissions(
  name: string,
  needs: Needs,
  variables: readonly string[],
  { query, environment }: Permits,
): string | undefined {
  const flags = [
    ...flagFor(
      "net",
      needs.net.filter((host) => !query({ name: "net", host })),
    ),
    ...flagFor(
      "read",
      needs.read.filter((path) => !query({ name: "read", path })),
    ),
    ...flagFor(
      "write",
      needs.write.filter((path) => !query({ name: "write", path })),
    ),
    ...environment(variables) ? [] : flagFor("env", variables),
  ];
  if (flags.length === 0) return undefined;
  return `Cannot start: the ${name} is not permitted what it needs; add ${
    flags.join(" ")
  }`;
}

function flagFor(name: string, values: readonly string[]): string[] {
  if (values.length === 0) return [];
  const list = values.join(",");
  return [`--allow-${name}=${/[*\s]/.test(list) ? `'${list}'` : list}`];
}
