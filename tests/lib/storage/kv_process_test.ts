/**
 * The store under real processes: killed at any instant, run twice on one directory, on a full disk.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { openKvStore } from "../../../lib/storage/open_kv_store.ts";
import { StorageError } from "../../../lib/storage/storage_error.ts";
import { Child } from "../../fixtures/child.ts";
import { entry, fill, run, writtenEntry } from "../../fixtures/store_jobs.ts";

const identity = { clusterId: "test", nodeId: 1 };
const writer = new URL("../../fixtures/store_writer.ts", import.meta.url);

Deno.test("KvStore keeps what it acknowledged when its process is killed at any instant", async () => {
  const directory = await Deno.makeTempDir();
  let acknowledged = 0;
  for (let kill = 1; kill <= 15; kill++) {
    const lines = await linesUntilKilled(directory, 1 + kill * 7 % 23);
    const [term, commit, last, snapshot] = lines.at(-1)!.split(" ").map(Number);
    assert(term! > acknowledged, "the writer got on");
    acknowledged = term!;
    await using store = await openKvStore({ directory, identity });
    const { view } = store;
    const { hardState } = view.initialState();
    assert(hardState.term >= term! && hardState.term <= term! + 1);
    assert(hardState.commit >= commit! && view.snapshot()!.index >= snapshot!);
    if (hardState.term === term) assertEquals(view.lastIndex(), last);
    assert(view.lastIndex() >= hardState.commit);
    const entries = view.entries(
      view.firstIndex(),
      view.lastIndex() + 1,
      Infinity,
    );
    for (const found of entries) {
      assertEquals(found, writtenEntry(found.index, found.term));
    }
  }
  await Deno.remove(directory, { recursive: true });
});

/** What a writer said before it was killed, some while after it has said `count` lines. */
async function linesUntilKilled(
  directory: string,
  count: number,
): Promise<string[]> {
  await using child = new Child(writer, directory);
  const lines: string[] = [];
  while (lines.length < count) lines.push(await child.line());
  child.kill("SIGKILL");
  try {
    for (;;) lines.push(await child.line());
  } catch {
    return lines;
  }
}

const opener = new URL("../../fixtures/store_opener.ts", import.meta.url);

/** What another process says that opens the directory. */
async function openedBy(
  directory: string,
  { flags = ["-A", "--unstable-kv"], env = {} }: {
    flags?: readonly string[];
    env?: Record<string, string>;
  } = {},
): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-config",
      "--no-prompt",
      ...flags,
      opener.href,
      directory,
    ],
    env,
  }).output();
  const decoder = new TextDecoder();
  return (decoder.decode(stdout) || decoder.decode(stderr)).trim();
}

Deno.test("openKvStore() refuses a directory that another process has, which goes on", async () => {
  const directory = await Deno.makeTempDir();
  {
    await using store = await openKvStore({ directory, identity });
    const said = await openedBy(directory);
    assert(said.startsWith(`locked: Cannot use data directory "${directory}"`));
    assert(said.includes(`process ${Deno.pid} has it`), said);
    await run(store, { entries: [entry(1, 1)] });
  }
  assertEquals(await openedBy(directory), "opened 2");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("openKvStore() runs with no more than read and write of its directory", async () => {
  const directory = await Deno.makeTempDir();
  const narrow = [
    "--unstable-kv",
    "--ignore-env",
    `--allow-read=${directory}`,
    `--allow-write=${directory}`,
  ];
  assertEquals(await openedBy(directory, { flags: narrow }), "opened 1");
  const forbidden = await openedBy(directory, {
    flags: ["--unstable-kv", "--ignore-env", `--allow-read=${directory}`],
  });
  assert(
    forbidden.startsWith("unusable: Cannot use data directory"),
    forbidden,
  );
  assert(forbidden.includes("Requires write access"), forbidden);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("openKvStore() refuses a Deno KV that is off or that keeps files in memory", async () => {
  const directory = await Deno.makeTempDir();
  const off = await openedBy(directory, { flags: ["-A"] });
  assert(off.startsWith("kvMissing: "), off);
  assert(off.includes("--unstable-kv"), off);
  const env = { DENO_KV_DB_MODE: "memory" };
  const known = await openedBy(directory, { env });
  assert(known.startsWith("memoryMode: "), known);
  const unseen = await openedBy(directory, {
    env,
    flags: ["--unstable-kv", "--ignore-env", "--allow-read", "--allow-write"],
  });
  assert(unseen.startsWith("memoryMode: "), unseen);
  assertEquals(await openedBy(directory), "opened 1");
  await Deno.remove(directory, { recursive: true });
});

const disk = await smallDisk();
if (disk !== undefined) await unmount(disk);

/** A file system of 4 MiB, where this process may mount one. */
async function smallDisk(): Promise<string | undefined> {
  const directory = await Deno.makeTempDir();
  try {
    const { success } = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=4m", "tmpfs", directory],
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return directory;
  } catch {
    // There is no mount here.
  }
  await Deno.remove(directory);
  return undefined;
}

async function unmount(disk: string): Promise<void> {
  await new Deno.Command("umount", { args: [disk] }).output();
  await Deno.remove(disk);
}

/** A test on a small disk of its own. */
function diskTest(name: string, fn: (disk: string) => Promise<void>): void {
  const skipped = " (skipped: a small file system cannot be mounted here)";
  Deno.test({
    name: disk === undefined ? `${name}${skipped}` : name,
    ignore: disk === undefined,
    async fn() {
      const own = (await smallDisk())!;
      try {
        await fn(own);
      } finally {
        await unmount(own);
      }
    },
  });
}

diskTest(
  "KvStore stops at a full disk, and is whole when there is room again",
  async (disk) => {
    const directory = `${disk}/data`;
    const filler = `${disk}/filler`;
    await Deno.writeFile(filler, new Uint8Array(1024 * 1024));
    let acknowledged = 0;
    const store = await openKvStore({ directory, identity });
    const error = await assertRejects(async () => {
      for (;;) {
        const index = acknowledged + 1;
        await run(store, { entries: [entry(index, 1, fill(20_000, index))] });
        acknowledged = index;
      }
    }, StorageError);
    assertEquals(error.fault, "writeFailed");
    assert(!error.needsOperator);
    assert(error.message.includes("disk is full"), error.message);
    assert(acknowledged > 10);
    assertEquals(store.view.lastIndex(), acknowledged);
    const again = await assertRejects(
      () => run(store, { hardState: { term: 2, vote: 0, commit: 0 } }),
    );
    assertEquals(again, error, "nothing is written after the first failure");
    await store.close();
    await Deno.remove(filler);
    await using reopened = await openKvStore({ directory, identity });
    const last = reopened.view.lastIndex();
    assert(last === acknowledged || last === acknowledged + 1);
    for (const found of reopened.view.entries(1, last + 1, Infinity)) {
      assertEquals(found, entry(found.index, 1, fill(20_000, found.index)));
    }
    await run(reopened, { entries: [entry(last + 1, 1)] });
  },
);

diskTest(
  "openKvStore() on a full disk says that it may be had later, wherever the room ends",
  async (disk) => {
    const directory = `${disk}/data`;
    await (await openKvStore({ directory, identity })).close();
    const faults: (string | undefined)[] = [];
    for (let pages = 0; faults.at(-1) !== "none"; pages++) {
      await fillBut(disk, pages);
      faults.push(
        await openKvStore({ directory, identity }).then(
          async (store) => {
            await store.close();
            return "none";
          },
          (error) => error.fault,
        ),
      );
    }
    assert(faults.length > 5, `${faults}`);
    assertEquals(new Set(faults), new Set(["writeFailed", "none"]));
  },
);

/** Fills the disk but for so many pages. */
async function fillBut(disk: string, pages: number): Promise<void> {
  using filler = await Deno.create(`${disk}/filler`);
  const page = new Uint8Array(4_096);
  try {
    for (;;) await filler.write(page);
  } catch {
    const { size } = await filler.stat();
    await filler.truncate(size - pages * page.length);
  }
}
