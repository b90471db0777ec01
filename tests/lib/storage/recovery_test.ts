/**
 * A damaged store is refused. Goal: whatever single value of a real KV file is flipped, cut, dropped,
 * swapped, duplicated or set back to an older version, the next open says so and changes nothing.
 * Method: write a store with every kind of record, then damage one value at a time and open again.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryDirectory } from "../../fixtures/memory_directory.ts";
import { openStore } from "../../../lib/storage/open_store.ts";
import { StorageError } from "../../../lib/storage/storage_error.ts";
import { confOf, entry, fill, run, save } from "../../fixtures/store_jobs.ts";

const identity = { clusterId: "test", nodeId: 1 };

interface Value {
  readonly key: Deno.KvKey;
  readonly value: Uint8Array;
}

/** A KV file in which a store was written and closed. */
interface Written extends AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly values: readonly Value[];
  /** The values before the last jobs. */
  readonly older: readonly Value[];
  /** A block that was dropped behind the snapshot. */
  readonly dropped: Value;
}

async function writtenKv(): Promise<Written> {
  const directory = await memoryDirectory();
  const path = `${directory}/a.kv`;
  const kv = await Deno.openKv(path);
  const store = await openStore(kv, {
    identity,
    first: { confState: confOf(1, 2, 3), chunks: [fill(9)] },
  });
  await run(store, { entries: [2, 3].map((at) => entry(at, 1)) });
  await run(store, {
    hardState: { term: 1, vote: 1, commit: 5 },
    entries: [4, 5, 6].map((at) => entry(at, 1)),
  });
  const key = ["l", 2];
  const dropped = { key, value: (await kv.get<Uint8Array>(key)).value! };
  await save(store, 5, 5, [fill(150_000, 1), fill(500, 2)]);
  await run(store, { entries: [entry(7, 1, fill(130_000))] });
  await run(store, {
    entries: [8, 9].map((at) => entry(at, 1, fill(700, at))),
  });
  await store.close();
  const between = await Deno.openKv(path);
  const older = await valuesOf(between);
  const again = await openStore(between, { identity });
  // Equal in number and bytes to what it replaces, so that only the contents tell them apart.
  await run(again, {
    hardState: { term: 1, vote: 2, commit: 5 },
    entries: [8, 9].map((at) => entry(at, 1, fill(700, at + 1))),
  });
  await run(again, { entries: [entry(10, 1)] });
  await again.close();
  const last = await Deno.openKv(path);
  return {
    kv: last,
    values: await valuesOf(last),
    older,
    dropped,
    async [Symbol.asyncDispose]() {
      last.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

async function valuesOf(kv: Deno.Kv): Promise<Value[]> {
  const entries = await Array.fromAsync(kv.list<Uint8Array>({ prefix: [] }));
  return entries.map(({ key, value }) => ({ key, value }));
}

/** Opens with the change in place and undoes it; what the refusal says. */
async function refusal(
  kv: Deno.Kv,
  what: string,
  change: readonly { key: Deno.KvKey; value: Uint8Array | undefined }[],
  values: readonly Value[],
): Promise<string> {
  let atomic = kv.atomic();
  for (const { key, value } of change) {
    atomic = value ? atomic.set(key, value) : atomic.delete(key);
  }
  await atomic.commit();
  const damaged = await valuesOf(kv);
  let error: unknown;
  try {
    await (await openStore(kv, { identity })).close();
  } catch (thrown) {
    error = thrown;
  }
  assert(
    error instanceof StorageError && error.fault === "corrupt",
    `${what} was not refused: ${error}`,
  );
  assert(error.needsOperator);
  assertEquals(await valuesOf(kv), damaged, `${what} was changed by the open`);
  let undo = kv.atomic();
  for (const { key } of change) {
    const value = values.find((one) => same(one.key, key))?.value;
    undo = value ? undo.set(key, value) : undo.delete(key);
  }
  await undo.commit();
  return error.message;
}

function same(one: Deno.KvKey, other: Deno.KvKey): boolean {
  return Deno.inspect(one) === Deno.inspect(other);
}

function flipped(value: Uint8Array, at: number): Uint8Array {
  const copy = value.slice();
  copy[at]! ^= 1 << at % 8;
  return copy;
}

Deno.test("openStore() refuses a store with any one value flipped, cut or dropped", async () => {
  await using written = await writtenKv();
  const { kv, values } = written;
  assert(values.length >= 13, "every kind of record is there");
  for (const { key, value } of values) {
    const name = Deno.inspect(key);
    const { length } = value;
    const places = [0, 4, 5, length >> 1, length - 1];
    const changes: [string, Uint8Array | undefined][] = [
      ...places.map((at): [string, Uint8Array] => [
        `bit flipped in byte ${at}`,
        flipped(value, at),
      ]),
      ["last byte cut", value.subarray(0, length - 1)],
      ["a byte more", Uint8Array.of(...value, 0)],
      ["emptied", new Uint8Array(0)],
      ["dropped", undefined],
    ];
    for (const [change, damaged] of changes) {
      const what = `${name} ${change}`;
      const said = await refusal(kv, what, [{ key, value: damaged }], values);
      assert(said.startsWith("Cannot use the store: "), said);
      assert(said.includes("join again under a new node id"), said);
    }
  }
  await (await openStore(borrowed(kv), { identity })).close();
});

Deno.test("openStore() refuses a store with values swapped, in another's place, or one too many", async () => {
  await using written = await writtenKv();
  const { kv, values } = written;
  for (const [at, one] of values.entries()) {
    for (const other of values.slice(at + 1)) {
      const what = `${Deno.inspect(one.key)} as ${Deno.inspect(other.key)}`;
      await refusal(kv, what, [{ key: other.key, value: one.value }], values);
      await refusal(kv, `${what} swapped`, [
        { key: other.key, value: one.value },
        { key: one.key, value: other.value },
      ], values);
    }
  }
  const snapshot = values.find(({ key }) => key[0] === "s")!.key[1]!;
  const more: Deno.KvKey[] = [
    ["l", 11],
    ["l", 9],
    ["l", 7, 4],
    ["l", 3, 1],
    [
      "s",
      snapshot,
      2,
      0,
    ],
    ["s", snapshot, 0, 9],
    ["s", snapshot, 1, 1],
    ["x"],
    ["m", "x"],
    ["l"],
    [
      "l",
      "a",
    ],
    ["s", snapshot, 0],
    ["s"],
  ];
  for (const key of more) {
    for (const { value } of values.filter(({ key }) => key.length < 4)) {
      await refusal(kv, `one too many at ${Deno.inspect(key)}`, [
        { key, value },
      ], values);
    }
  }
});

Deno.test("openStore() refuses a store with any one value set back to an older version", async () => {
  await using written = await writtenKv();
  const { kv, values, older } = written;
  let setBack = 0;
  for (const { key, value } of older) {
    const now = values.find((one) => same(one.key, key));
    if (now?.value.every((byte, at) => byte === value[at])) continue;
    // How often it was opened stands alone; the note beside the file is what notices.
    if (same(key, ["m", "id"])) continue;
    setBack++;
    const what = `${Deno.inspect(key)} set back`;
    await refusal(kv, what, [{ key, value }], values);
  }
  assert(setBack >= 2, "the state and the block that was replaced");
});

Deno.test("openStore() refuses a store that has lost all but its chunks", async () => {
  await using written = await writtenKv();
  const { kv, values } = written;
  for (const { key } of values) if (key[0] !== "s") await kv.delete(key);
  const error = await assertRejects(
    () => openStore(kv, { identity }),
    StorageError,
  );
  assertEquals(error.fault, "corrupt");
  assert(error.message.includes("it has lost its identity"), error.message);
});

Deno.test("openStore() deletes what interrupted writes and drops have left", async () => {
  await using written = await writtenKv();
  const { kv, values } = written;
  const left: Deno.KvKey[] = [
    ["s", 77, 0, 0],
    ["s", 77],
    ["l", 11, 1],
    ["l", 11, 2],
  ];
  for (const key of left) await kv.set(key, fill(10));
  await kv.set(written.dropped.key, written.dropped.value);
  await using store = await openStore(borrowed(kv), { identity });
  assertEquals([store.view.firstIndex(), store.view.lastIndex()], [5, 10]);
  await run(store, { entries: [entry(11, 1, fill(200_000))] });
  await store.close();
  const keys = (await valuesOf(kv)).map(({ key }) => key);
  const expected = values.map(({ key }) => key);
  expected.push(["l", 11], ["l", 11, 1], ["l", 11, 2], ["l", 11, 3]);
  assertEquals(
    new Set(keys.map((key) => Deno.inspect(key))),
    new Set(expected.map((key) => Deno.inspect(key))),
  );
});

Deno.test("openStore() starts over when setting up was interrupted", async () => {
  const directory = await memoryDirectory();
  const kv = await Deno.openKv(`${directory}/a.kv`);
  const chunks = [fill(100, 1), fill(200, 2)];
  function* broken(): Iterable<Uint8Array> {
    yield fill(3, 3);
    throw new RangeError("the machine stops here");
  }
  const confState = confOf(1);
  await assertRejects(
    () => openStore(kv, { identity, first: { confState, chunks: broken() } }),
    RangeError,
  );
  assert((await valuesOf(kv)).length > 0, "something was left");
  const store = await openStore(borrowed(kv), {
    identity,
    first: { confState, chunks },
  });
  assertEquals(store.incarnation, 1);
  assertEquals(store.view.snapshot()?.index, 1);
  await store.close();
  assertEquals(
    (await valuesOf(kv)).map(({ key }) => key),
    [["m", "hs"], ["m", "id"], ["s", 1], ["s", 1, 0, 0], ["s", 1, 1, 0]],
  );
  kv.close();
  await Deno.remove(directory, { recursive: true });
});

/** The KV, which stays open when the store closes it. */
function borrowed(kv: Deno.Kv): Deno.Kv {
  return new Proxy(kv, {
    get: (target, name) => {
      if (name === "close") return () => {};
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
