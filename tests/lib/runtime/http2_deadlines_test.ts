import http2 from "node:http2";
import { assertEquals } from "@std/assert";
import { timeoutMsMax } from "../../../lib/limits.ts";
import "../../../lib/runtime/grpc.ts";
import {
  identityHandlers,
  startTransform,
  transformService,
} from "../../fixtures/transform_server.ts";

/** The status of a call with this grpc-timeout. */
async function statusWith(url: string, timeout: string): Promise<string> {
  const session = http2.connect(url);
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": transformService.methods.getCapabilities.path,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": timeout,
    });
    const status = new Promise<string>((resolve, reject) => {
      const note = (headers: { readonly [name: string]: unknown }): void => {
        const found = headers["grpc-status"];
        if (found !== undefined) resolve(String(found));
      };
      stream.on("response", note).on("trailers", note).on("error", reject);
    });
    stream.resume();
    // A message without fields.
    stream.end(new Uint8Array(5));
    return await status;
  } finally {
    await new Promise<void>((resolve) => session.close(resolve));
  }
}

Deno.test("installHttp2Deadlines() lets no deadline, however far away, end a call at once", async () => {
  await using server = await startTransform({
    ...identityHandlers(),
    getCapabilities: async () => {
      // A deadline that is taken for none is a timer which comes before this one.
      await new Promise((resolve) => setTimeout(resolve, 2));
      return {};
    },
  });
  for (
    const timeout of [
      `${timeoutMsMax / 1_000}S`,
      "2147484S",
      "99999999S",
      "99999999M",
      "99999999H",
    ]
  ) assertEquals(await statusWith(server.url, timeout), "0", timeout);
});
