/**
 * What a process needs to be permitted, found out before it starts: otherwise the first thing that is
 * not would end the process somewhere deep inside, with a trace instead of a sentence.
 */

/** What it touches. Addresses are `host:port`. */
export interface Needs {
  /** Where it listens, and whom it dials by itself. */
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** Tells whether something is permitted; as Deno does. */
export interface Permits {
  readonly query: (descriptor: Deno.PermissionDescriptor) => boolean;
  /** Whether the variables of the environment may be read, or are ignored. */
  readonly environment: () => boolean;
}

/** Names of the environment that a router, a sidecar and what they are made of read. */
export const environmentNames: readonly string[] = [
  "CONVEYOR_*",
  "GRPC_*",
  "DENO_KV_*",
  "NO_COLOR",
  "grpc_proxy",
  "http_proxy",
  "https_proxy",
  "no_grpc_proxy",
  "no_proxy",
];

/** The permits of this process. */
export const processPermits: Permits = {
  query: (descriptor) =>
    Deno.permissions.querySync(descriptor).state === "granted",
  environment: () => {
    try {
      // Ignored variables are not set, and it is no error to ask for them.
      Deno.env.get("GRPC_VERBOSITY");
      Deno.env.get("CONVEYOR_CONFIG");
      return true;
    } catch {
      return false;
    }
  },
};

/** One sentence that names the flags to add for the process called `name`; undefined when all is permitted. */
export function missingPermissions(
  name: string,
  needs: Needs,
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
    ...environment() ? [] : flagFor("env", environmentNames),
  ];
  if (flags.length === 0) return undefined;
  return `Cannot start: the ${name} is not permitted what it needs; add ${
    flags.join(" ")
  }`;
}

function flagFor(name: string, values: readonly string[]): string[] {
  if (values.length === 0) return [];
  const list = [...new Set(values)].join(",");
  return [`--allow-${name}=${/[*\s]/.test(list) ? `'${list}'` : list}`];
}
