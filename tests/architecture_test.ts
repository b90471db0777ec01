/**
 * The rules of the tree: who may import whom, what pure folders may not touch, and that files stay
 * short, tested and in their room. A file in a room without a rank fails: give it one in `rooms`.
 */
import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);

/** Ranks of rooms: the first prefix that fits wins. A file imports only from lower ranks. */
const rooms: readonly (readonly [prefix: string, rank: number])[] = [
  ["mod.ts", 7],
  ["server.ts", 7],
  ["lib/sidecar/main.ts", 7],
  ["clients/ctl/", 6],
  ["lib/config/", 6],
  ["lib/router_server.ts", 6],
  ["lib/router/", 5],
  ["lib/sidecar/", 5],
  ["lib/connector/", 5],
  // Pulls write acks as the handlers of those who push do.
  ["lib/pull/", 4.5],
  ["lib/services/", 4],
  ["lib/handlers/", 4],
  ["lib/dashboard/", 4],
  ["lib/consensus/", 3],
  ["lib/flow/", 3],
  ["lib/backup/", 3],
  ["lib/rpc/", 3],
  // The state decides by the registry's rules of groups and placement.
  ["lib/state/", 1.5],
  ["lib/storage/", 2],
  ["lib/metrics/", 2],
  ["clients/", 2],
  ["lib/raft/", 1],
  ["lib/registry/", 1],
  ["lib/routing/", 1],
  ["lib/delivery/", 1],
  ["lib/runtime/", 0],
  ["proto/", 0],
];
const primitive = /^lib\/\w+\.ts$/;
const pureRooms =
  /^(lib\/(raft|registry|routing|delivery|state)\/|proto\/(wire|wire_writer|utf8|text_cache|shape|scalar|\w+_reader|record_\w+|\w+_view)\.ts$)/;
const reExporters = [
  "mod.ts",
  "lib/runtime/grpc.ts",
  "lib/connector/connector.ts",
];
const generated = /^proto\/(messages\/|descriptor_set\.ts$)/;
const linesMax = 400;
/** The table of all bounds is looked up, not read. */
const table = "lib/limits.ts";

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const sources: readonly Source[] = ["", "proto/", "lib/", "clients/"].flatMap(
  (folder) => sourcesIn(folder, folder !== ""),
);

function sourcesIn(folder: string, deep: boolean): Source[] {
  return [...Deno.readDirSync(new URL(folder || ".", root))].flatMap(
    (entry) => {
      const path = folder + entry.name;
      if (path.startsWith("lib/offline")) return [];
      if (entry.isDirectory) return deep ? sourcesIn(`${path}/`, true) : [];
      if (!path.endsWith(".ts")) return [];
      const text = Deno.readTextFileSync(new URL(path, root));
      return [{ path, text, imports: importsOf(path, text) }];
    },
  );
}

function importsOf(path: string, text: string): Import[] {
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']/gm,
  );
  return [...statements].map(([, type, specifier]) => ({
    typeOnly: type !== undefined,
    target: specifier!.startsWith(".")
      ? new URL(specifier!, new URL(path, root)).href.slice(root.href.length)
      : specifier!,
  }));
}

function rankOf(path: string): number | undefined {
  if (primitive.test(path) && path !== "lib/router_server.ts") return 0;
  return rooms.find(([prefix]) => path.startsWith(prefix))?.[1];
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** The faults of every source, one line each. */
function faults(find: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) =>
    find(source).map((what) => `${source.path}: ${what}`)
  );
}

Deno.test("architecture every file has a room, and imports only lower ranks", () => {
  assert(sources.length > 20);
  assertEquals(
    faults(({ path, imports }) => {
      const rank = rankOf(path);
      if (rank === undefined) {
        return ["is in no room of tests/architecture_test.ts"];
      }
      return imports.filter(({ target }) => target.endsWith(".ts")).filter(
        ({ target }) => {
          const other = rankOf(target)!;
          if (folderOf(path) === folderOf(target)) return false;
          // The floor is one room: primitives, the runtime and the wire contract.
          return rank === 0 ? other !== 0 : other >= rank;
        },
      ).map(({ target }) => `imports ${target}, which is not of a lower rank`);
    }),
    [],
  );
});

Deno.test("architecture no imports go in a circle", () => {
  const targets = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) {
      return [[...trail.slice(trail.indexOf(path)), path].join(" -> ")];
    }
    if (done.has(path)) return [];
    const found = (targets.get(path) ?? []).flatMap((next) =>
      visit(next, [...trail, path])
    );
    done.add(path);
    return found;
  };
  assertEquals(sources.flatMap(({ path }) => visit(path, [])), []);
});

Deno.test("architecture grpc-js has one door, and few go through it", () => {
  assertEquals(
    faults(({ path, imports }) =>
      imports.filter(({ target, typeOnly }) => {
        if (target === "@grpc/grpc-js") return path !== "lib/runtime/grpc.ts";
        return target === "lib/runtime/grpc.ts" && !typeOnly &&
          !/^(lib\/runtime\/|lib\/rpc\/|clients\/(call|channel|channel_options)\.ts$)/
            .test(path);
      }).map(({ target }) => `imports ${target}`)
    ),
    [],
  );
});

Deno.test("architecture pure rooms wait for nothing and ask nobody", () => {
  const banned =
    /\bawait\b|\basync\b(?!: false)|\bPromise\b|\bset(Timeout|Interval|Immediate)\b|\bDate\.|\bnew Date\(\)|Math\.random|\bDeno\.|\bconsole\b|performance\.|\bcrypto\b/;
  assertEquals(
    faults(({ path, text }) => {
      if (!pureRooms.test(path)) return [];
      return text.split("\n")
        .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line) && banned.test(line))
        .map((line) => `is pure, but says: ${line.trim()}`);
    }),
    [],
  );
});

Deno.test("architecture only the doors re-export", () => {
  assertEquals(
    faults(({ path, text }) =>
      !reExporters.includes(path) &&
        /^export\s+(type\s+)?(\*|\{[^}]*\})\s*(as \w+\s+)?from/m.test(text)
        ? ["re-exports"]
        : []
    ),
    [],
  );
});

Deno.test("architecture files stay under 400 lines", () => {
  assertEquals(
    faults(({ path, text }) => {
      const lines = text.split("\n").length;
      return generated.test(path) || path === table || lines <= linesMax
        ? []
        : [`has ${lines} lines`];
    }),
    [],
  );
});

Deno.test("architecture every pure file has its test", () => {
  assertEquals(
    faults(({ path }) => {
      if (!pureRooms.test(path) || /\/(types|ports)\.ts$/.test(path)) return [];
      const test = `tests/${path.replace(/\.ts$/, "_test.ts")}`;
      try {
        Deno.statSync(new URL(test, root));
        return [];
      } catch {
        return [`has no ${test}`];
      }
    }),
    [],
  );
});

Deno.test("architecture the clock and chance are read in one place", () => {
  assertEquals(
    faults(({ path, text }) => {
      if (path === "lib/clock.ts" || path === "lib/random.ts") return [];
      return /\bDate\.now\(|Math\.random\(/.test(text)
        ? ["reads the clock or draws numbers"]
        : [];
    }),
    [],
  );
});
