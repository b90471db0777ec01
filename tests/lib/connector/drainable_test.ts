import { assertEquals } from "@std/assert";
import { drainable } from "../../../lib/connector/drainable.ts";
import { Code } from "../../../lib/errors.ts";
import type { SourceServiceMethods } from "../../../proto/messages/source.ts";
import { type Service, serviceOf } from "../../../proto/service.ts";
import { Loopback } from "../../fixtures/loopback.ts";
import { rejection } from "../../fixtures/rejection.ts";
import {
  identityHandlers,
  recordOf,
  transformService,
} from "../../fixtures/transform_server.ts";

const source: Service<SourceServiceMethods> = serviceOf(
  "conveyor.source.SourceService",
);

Deno.test("drainable() ends an answer stream that waits, and lets its handler clean up", async () => {
  const draining = new AbortController();
  const waiting = Promise.withResolvers<void>();
  const cleaned = Promise.withResolvers<void>();
  const handlers = drainable(source, {
    async *pullRecords(_request, { signal }) {
      try {
        yield { batchId: "b" };
        await new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
          waiting.resolve();
        });
      } finally {
        cleaned.resolve();
      }
    },
  }, draining.signal);
  const batches = new Loopback().add(source, handlers).stream(
    source.methods.pullRecords,
    ReadableStream.from([{ sourceId: "s" }]),
  );
  assertEquals((await batches.next()).value?.batchId, "b");
  const next = rejection(batches.next(), Code.Unavailable);
  await waiting.promise;
  draining.abort();
  await next;
  await cleaned.promise;
});

Deno.test("drainable() begins no stream once it drains", async () => {
  const handlers = drainable(
    transformService,
    identityHandlers(),
    AbortSignal.abort(),
  );
  const results = new Loopback().add(transformService, handlers).stream(
    transformService.methods.processStream,
    ReadableStream.from([{ record: recordOf(1n) }]),
  );
  await rejection(Array.fromAsync(results), Code.Unavailable);
});

Deno.test("drainable() leaves calls with one answer to finish", async () => {
  const handlers = drainable(
    transformService,
    identityHandlers(),
    AbortSignal.abort(),
  );
  const { message } = await new Loopback().add(transformService, handlers)
    .unary(transformService.methods.getCapabilities, {});
  assertEquals(message.transformId, "identity");
});
