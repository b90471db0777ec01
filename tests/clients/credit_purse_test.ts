import { assertEquals } from "@std/assert";
import { CreditPurse } from "../../clients/credit_purse.ts";

Deno.test("CreditPurse spends first what lapses first", () => {
  const purse = new CreditPurse();
  purse.add(10n, 0n);
  purse.add(5n, 200n);
  purse.add(5n, 100n);
  assertEquals(purse.available(50), 20);
  purse.spend(7);
  assertEquals(purse.available(50), 13);
  assertEquals(purse.available(100), 13);
  assertEquals(purse.available(200), 10);
  purse.spend(10);
  assertEquals(purse.available(200), 0);
});

Deno.test("CreditPurse.clear() forgets every grant", () => {
  const purse = new CreditPurse();
  purse.add(3n, 0n);
  purse.add(0n, 0n);
  purse.clear();
  assertEquals(purse.available(0), 0);
});
