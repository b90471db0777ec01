import { assertEquals, assertThrows } from "@std/assert";
import { parseAddress } from "../../clients/address.ts";
import { ConveyorError } from "../../lib/errors.ts";

Deno.test("parseAddress() reads the three forms", () => {
  const cases: [string, string, boolean, boolean?][] = [
    ["http://sink:50051", "dns:sink:50051", false],
    ["http://sink", "dns:sink:80", false],
    ["https://sink", "dns:sink:443", true],
    ["https://sink.example:8443/", "dns:sink.example:8443", true],
    ["http://[::1]:50051", "dns:[::1]:50051", false, true],
    ["http://127.0.0.1:1", "dns:127.0.0.1:1", false, true],
    ["https://127.1", "dns:127.0.0.1:443", true, true],
    ["https://1.example", "dns:1.example:443", true],
    ["unix:/run/sink.sock", "unix:/run/sink.sock", false],
    ["unix:///run/sink.sock", "unix:/run/sink.sock", false],
  ];
  for (const [url, target, tls, ip = false] of cases) {
    assertEquals(parseAddress(url), { url, target, tls, ip });
  }
});

Deno.test("parseAddress() refuses everything else, showing what it was", () => {
  const wrong: unknown[] = [
    "",
    "sink:50051",
    "grpc://sink:1",
    "http://",
    "http://sink:99999",
    "http://sink/path",
    "http://sink?x",
    "http://me@sink",
    "unix:",
    5,
    undefined,
  ];
  for (const url of wrong) {
    const error = assertThrows(
      () => parseAddress(url as string),
      ConveyorError,
    );
    assertEquals(error.details[0]?.field, "url", String(url));
  }
});
