import { assert, assertEquals } from "@std/assert";
import {
  Rejection,
  rejectionMessage,
} from "../../../lib/delivery/rejection.ts";

Deno.test("rejectionMessage() says of every reason what it is, in a sentence of its own", () => {
  const reasons = Object.values(Rejection)
    .filter((reason) => typeof reason === "number");
  const messages = reasons.map((reason) => rejectionMessage(reason));
  assertEquals(new Set(messages).size, reasons.length);
  for (const [reason, message] of messages.entries()) {
    if (reason === Rejection.None) assertEquals(message, "");
    else assert(message.length > 20, message);
  }
});
