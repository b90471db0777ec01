import { assertEquals } from "@std/assert";
import { optionsFor } from "../../clients/options_for.ts";

Deno.test("optionsFor() says of TLS only where an address is encrypted", () => {
  const options = { connectTimeoutMs: 5, tls: { ca: "authorities" } };
  assertEquals(optionsFor("https://a:1", options), options);
  for (const url of ["http://a:1", "unix:/run/a"]) {
    assertEquals(optionsFor(url, options), { connectTimeoutMs: 5 });
  }
});
