import { assertEquals, assertThrows } from "@std/assert";
import {
  dialledHostForm,
  formOption,
  hostForm,
  listenForm,
  routerForm,
  routerUrl,
  tcpListenForm,
} from "../../lib/address_forms.ts";
import { ConveyorError } from "../../lib/errors.ts";

const malformed = [
  ...["", "x", ":1", "a:", "a:70000", "a:-1", "a:1x", "a b:1", "::1:5"],
  ...["[]:1", "a:1/", "ftp://a:1", "a:1:1", "unix:"],
];

Deno.test("listenForm and tcpListenForm take hosts with a port from 0 up", () => {
  for (const address of ["a:0", "127.0.0.1:65535", "[::1]:5", "a-b.c:50051"]) {
    assertEquals(listenForm.fits(address), true, address);
    assertEquals(tcpListenForm.fits(address), true, address);
  }
  for (const address of [...malformed, "http://a:1"]) {
    assertEquals(listenForm.fits(address), false, address);
    assertEquals(tcpListenForm.fits(address), false, address);
  }
  assertEquals(listenForm.fits("unix:/run/a"), true);
  assertEquals(tcpListenForm.fits("unix:/run/a"), false);
});

Deno.test("hostForm takes what goes before a port", () => {
  for (const host of ["a", "0.0.0.0", "[::]", "a-b.c"]) {
    assertEquals(hostForm.fits(host), true, host);
  }
  for (const host of ["", "::", "a:1", "a b", "http://a"]) {
    assertEquals(hostForm.fits(host), false, host);
  }
});

Deno.test("dialledHostForm takes what is dialled together with a port that stands apart", () => {
  for (
    const host of ["a", "10.0.0.7", "a-b.c", "::1", "[::1]", "fe80::1%eth0"]
  ) assertEquals(dialledHostForm.fits(host), true, host);
  for (
    const host of ["", "a:1", "10.0.0.7:1", "http://a", "a b", "a/b", "unix:/a"]
  ) assertEquals(dialledHostForm.fits(host), false, host);
});

Deno.test("routerForm takes hosts with a port that can be dialled, with a scheme or without", () => {
  for (const address of ["a:1", "http://a:1", "https://[::1]:65535"]) {
    assertEquals(routerForm.fits(address), true, address);
  }
  for (const address of [...malformed, "a:0", "unix:/run/a"]) {
    assertEquals(routerForm.fits(address), false, address);
  }
});

Deno.test("routerUrl() leaves an address its scheme, and gives one to others", () => {
  assertEquals(routerUrl("join", "a:1", "http"), "http://a:1");
  assertEquals(routerUrl("join", "a:1", "https"), "https://a:1");
  assertEquals(routerUrl("join", "http://a:1", "https"), "http://a:1");
});

Deno.test("formOption() names the option, the rule and what was found", () => {
  assertEquals(formOption("grpcAddr", "a:1", listenForm), "a:1");
  for (const found of ["a", 5, undefined]) {
    const { message } = assertThrows(
      () => formOption("httpAddr", found, tcpListenForm),
      ConveyorError,
    );
    assertEquals(
      message,
      `Cannot accept "httpAddr": must be "host:port" or "[ipv6]:port", found ${
        typeof found === "string" ? `"${found}"` : found
      }`,
    );
  }
});
