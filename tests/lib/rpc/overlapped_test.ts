import { assertEquals, assertRejects } from "@std/assert";
import { setImmediate as turn } from "node:timers/promises";
import { overlapped } from "../../../lib/rpc/overlapped.ts";

/** Items that come when they are pushed, and tells of how many were taken. */
class Items implements AsyncIterable<number> {
  taken = 0;
  returned = false;
  readonly #waiting: PromiseWithResolvers<IteratorResult<number>>[] = [];
  readonly #given: IteratorResult<number>[] = [];

  push(...items: number[]): this {
    for (const value of items) this.#give({ done: false, value });
    return this;
  }

  end(): this {
    this.#give({ done: true, value: undefined });
    return this;
  }

  fail(reason: Error): void {
    this.#waiting.shift()?.reject(reason);
  }

  [Symbol.asyncIterator](): AsyncIterator<number> {
    return {
      next: () => {
        const given = this.#given.shift();
        if (given) {
          this.taken++;
          return Promise.resolve(given);
        }
        const waiter = Promise.withResolvers<IteratorResult<number>>();
        this.#waiting.push(waiter);
        return waiter.promise;
      },
      return: () => {
        this.returned = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #give(result: IteratorResult<number>): void {
    const waiter = this.#waiting.shift();
    if (!waiter) return void this.#given.push(result);
    this.taken++;
    waiter.resolve(result);
  }
}

/** Work that ends when the test says so. */
class Works {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, PromiseWithResolvers<string>>();

  readonly begin = (item: number): () => Promise<string> => {
    this.begun.push(item);
    const end = Promise.withResolvers<string>();
    this.#ends.set(item, end);
    return () => end.promise;
  };

  end(...items: number[]): void {
    for (const item of items) this.#ends.get(item)!.resolve(`done ${item}`);
  }
}

/** Everything that can happen without the test doing more has happened. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await turn();
}

Deno.test("overlapped() works on several items at once and answers in their order", async () => {
  const works = new Works();
  const items = new Items().push(1, 2, 3).end();
  const answers = Array.fromAsync(overlapped(items, 3, works.begin));
  await settled();
  assertEquals(works.begun, [1, 2, 3]);
  works.end(3, 2, 1);
  assertEquals(await answers, ["done 1", "done 2", "done 3"]);
});

Deno.test("overlapped() takes no more items than there is room for", async () => {
  const works = new Works();
  const items = new Items().push(1, 2, 3, 4, 5, 6).end();
  const answers = overlapped(items, 2, works.begin);
  const first = answers.next();
  await settled();
  assertEquals([works.begun, items.taken], [[1, 2], 2]);
  works.end(2);
  await settled();
  assertEquals(items.taken, 2, "the second is done, but not answered");
  works.end(1);
  assertEquals((await first).value, "done 1");
  await settled();
  assertEquals(items.taken, 3, "nobody has asked for the second answer");
  works.end(3);
  assertEquals((await answers.next()).value, "done 2");
  await answers.return?.();
  await settled();
  // The fourth was on its way when the reader left.
  assertEquals(works.begun, [1, 2, 3]);
  assertEquals(items.returned, true);
});

Deno.test("overlapped() asks for an answer once all earlier ones are given", async () => {
  const works = new Works();
  const asked: number[] = [];
  const items = new Items().push(1, 0).end();
  const answers = Array.fromAsync(
    overlapped(items, 5, (item) => {
      if (item > 0) return works.begin(item);
      return () => String(asked.push(item));
    }),
  );
  await settled();
  assertEquals(asked, []);
  works.end(1);
  assertEquals(await answers, ["done 1", "1"]);
});

Deno.test("overlapped() leaves out items that want no answer", async () => {
  const items = new Items().push(1, 2, 3).end();
  const answers = overlapped(
    items,
    1,
    (item) => item === 2 ? undefined : () => item,
  );
  assertEquals(await Array.fromAsync(answers), [1, 3]);
});

Deno.test("overlapped() answers what it took before it tells of a failure", async () => {
  const works = new Works();
  const items = new Items().push(1, 2);
  const answers = overlapped(items, 3, works.begin);
  const first = answers.next();
  await settled();
  items.fail(new Error("draining"));
  works.end(2, 1);
  assertEquals((await first).value, "done 1");
  assertEquals((await answers.next()).value, "done 2");
  await assertRejects(() => answers.next(), Error, "draining");
});

Deno.test("overlapped() answers what it began before it tells that an item is refused", async () => {
  const works = new Works();
  const items = new Items().push(1, 2, 3).end();
  const answers = overlapped(items, 3, (item) => {
    if (item === 2) throw new Error("no id");
    return works.begin(item);
  });
  works.end();
  const first = answers.next();
  await settled();
  works.end(1);
  assertEquals((await first).value, "done 1");
  await assertRejects(() => answers.next(), Error, "no id");
  assertEquals(works.begun, [1]);
});

Deno.test("overlapped() takes nothing more once its reader has left", async () => {
  const works = new Works();
  const items = new Items().push(1);
  const answers = overlapped(items, 3, works.begin);
  const first = answers.next();
  await settled();
  works.end(1);
  await first;
  await answers.return?.();
  items.push(2, 3);
  await settled();
  assertEquals(works.begun, [1]);
});

Deno.test("overlapped() fails with an answer that fails, and takes nothing more", async () => {
  const items = new Items().push(1, 2);
  const answers = overlapped(
    items,
    2,
    () => () => Promise.reject(new Error("no room")),
  );
  await assertRejects(() => answers.next(), Error, "no room");
  assertEquals(items.returned, true);
  assertEquals((await answers.next()).done, true);
});
