/** What every connector server does, whatever it serves; a transform stands for all. */
import { assert, assertEquals } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import { SinkClient } from "../../../clients/sink_client.ts";
import { TransformClient } from "../../../clients/transform_client.ts";
import { Code } from "../../../lib/errors.ts";
import {
  serveSink,
  serveSource,
  serveTransform,
} from "../../../lib/connector/connector.ts";
import type { ConnectorOptions } from "../../../lib/connector/serve.ts";
import {
  HealthCheckResponseServingStatus as ServingStatus,
  type HealthMethods,
} from "../../../proto/messages/health.ts";
import { type Service, serviceOf } from "../../../proto/service.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { recordOf } from "../../fixtures/transform_server.ts";

const address = "127.0.0.1:0";
const health: Service<HealthMethods> = serviceOf("grpc.health.v1.Health");

/** Resolves once nobody listens on `address` any more: a connection is refused, or reset. */
async function refusal(address: string): Promise<void> {
  const [hostname, port] = address.split(":");
  const dial = async (): Promise<boolean> => {
    try {
      (await Deno.connect({ hostname: hostname!, port: Number(port) })).close();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return false;
      if (error instanceof Deno.errors.ConnectionReset) return true;
      throw error;
    }
  };
  while (await dial());
}

Deno.test("serve() rejects with InvalidArgument naming option, rule and value", async () => {
  const register = {
    router: "http://127.0.0.1:1",
    service: { serviceId: "s", name: "n" },
  };
  const cases: [ConnectorOptions, string, string][] = [
    [{ address: "nowhere" }, "address", '"nowhere"'],
    [{ address: "" }, "address", '""'],
    [{ address, id: "" }, "id", '""'],
    [{ address, concurrency: 0 }, "concurrency", "0"],
    [{ address, concurrency: 1.5 }, "concurrency", "1.5"],
    [{ address, drainTimeoutMs: -1 }, "drainTimeoutMs", "-1"],
    [{ address, messageBytesMax: 0 }, "messageBytesMax", "0"],
    [{ address, signals: "x" as never }, "signals", '"x"'],
    [{ address, onError: 5 as never }, "onError", "5"],
    [{ address, register: 5 as never }, "register", "5"],
    [{ address, register: null as never }, "register", "null"],
    [
      { address, recordTypes: "x" as never } as ConnectorOptions,
      "recordTypes",
      '"x"',
    ],
    [{ address, tls: { cert: "", key: "k" } }, "tls.cert", '"0 characters"'],
    [
      { address, register: { ...register, router: "router:1" } },
      "register.router",
      '"router:1"',
    ],
    [
      {
        address,
        register: { ...register, service: { serviceId: "", name: "n" } },
      },
      "register.service.serviceId",
      '""',
    ],
    [
      { address, register: { ...register, heartbeatIntervalMs: 0 } },
      "register.heartbeatIntervalMs",
      "0",
    ],
    [
      { address: "0.0.0.0:0", register },
      "register.host",
      "undefined",
    ],
  ];
  for (const [options, field, found] of cases) {
    const error = await rejection(
      serveTransform((record) => record, options),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, field);
    assert(error.message.endsWith(`found ${found}`), error.message);
  }
});

Deno.test("serve() rejects with InvalidArgument naming the handler that is no function", async () => {
  const write = (): void => {};
  const pull = async function* (): AsyncGenerator<never> {};
  const cases: [() => Promise<unknown>, string][] = [
    [() => serveSink({ write: 5 as never }, { address }), "sink.write"],
    [
      () => serveSink({ writeBatch: 5 as never }, { address }),
      "sink.writeBatch",
    ],
    [() => serveSink({ write, flush: 5 as never }, { address }), "sink.flush"],
    [
      () => serveSink({ write, capacity: 5 as never }, { address }),
      "sink.capacity",
    ],
    [
      () => serveSource({ pull, acknowledge: 5 as never }, { address }),
      "source.acknowledge",
    ],
    [
      () => serveSource({ pull, watermarks: 5 as never }, { address }),
      "source.watermarks",
    ],
  ];
  for (const [serve, field] of cases) {
    const error = await rejection(serve(), Code.InvalidArgument);
    assertEquals(error.details[0]?.field, field);
  }
});

Deno.test("serve() rejects with Unavailable when the address is taken", async () => {
  await using server = await serveTransform((record) => record, { address });
  await rejection(
    serveTransform((record) => record, { address: server.address }),
    Code.Unavailable,
  );
});

Deno.test("close() finishes calls under way, refuses new ones, and resolves finished", async () => {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const server = await serveTransform(async (record) => {
    begun.resolve();
    await release.promise;
    return record;
  }, { address });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const answer = client.processBatch({ records: [recordOf(1n)] });
  await begun.promise;
  const closed = server.close();
  await refusal(server.address);
  release.resolve();
  assertEquals((await answer).results.length, 1);
  await closed;
  await server.finished;
  await server.close();
});

Deno.test("close() cancels what is not finished after drainTimeoutMs", async () => {
  const begun = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const server = await serveTransform(async (_record, { signal }) => {
    signal.addEventListener("abort", () => aborted.resolve());
    begun.resolve();
    await aborted.promise;
    return null;
  }, { address, drainTimeoutMs: 50 });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const answer = rejection(
    client.processBatch({ records: [recordOf(1n)] }),
    Code.Canceled,
  );
  await begun.promise;
  await server.close();
  await aborted.promise;
  await answer;
});

Deno.test("close() answers what a stream has sent, then ends it with Unavailable", async () => {
  const server = await serveTransform((record) => record, {
    address,
    drainTimeoutMs: 60_000,
  });
  await using client = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const more = Promise.withResolvers<void>();
  async function* records(): AsyncGenerator<ReturnType<typeof recordOf>> {
    yield recordOf(1n);
    await more.promise;
  }
  const results = client.processStream(records());
  assertEquals((await results.next()).value?.originalId?.sequenceNumber, 1n);
  const closed = server.close();
  await rejection(results.next(), Code.Unavailable);
  more.resolve();
  await closed;
});

Deno.test("close() makes health say NOT_SERVING and ends its watches", async () => {
  const server = await serveTransform((record) => record, { address });
  const channel = await Channel.connect(`http://${server.address}`);
  const service = "conveyor.transform.TransformService";
  const watched: ServingStatus[] = [];
  const request = ReadableStream.from([{ service }]);
  for await (
    const { status } of channel.stream(health.methods.watch, request)
  ) {
    if (watched.push(status) === 1) void server.close();
  }
  await server.finished;
  await channel.close();
  assertEquals(watched, [ServingStatus.Serving, ServingStatus.NotServing]);
});

Deno.test("serve() drains on SIGTERM, and lets go of the signal", async () => {
  const server = await serveTransform((record) => record, { address });
  Deno.kill(Deno.pid, "SIGTERM");
  await server.finished;
});

Deno.test("serve() tells onError what no caller is told", async () => {
  const told: [string, unknown][] = [];
  const fault = new Error("the disk is full");
  await using server = await serveSink({
    write: () => {},
    flush: () => Promise.reject(fault),
  }, { address, onError: (where, error) => void told.push([where, error]) });
  await using client = await SinkClient.connect(
    `http://${server.address}`,
    "s",
  );
  const error = await rejection(client.flush(), Code.Internal);
  assert(!error.message.includes("disk"), error.message);
  assertEquals(told, [["/conveyor.sink.SinkService/Flush", fault]]);
});
