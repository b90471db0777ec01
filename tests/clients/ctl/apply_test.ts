import { assert, assertEquals, assertRejects } from "@std/assert";
import { AdminClient } from "../../../clients/admin_client.ts";
import { apply } from "../../../clients/ctl/apply.ts";
import type { Call } from "../../../clients/ctl/command.ts";
import { pipelineType } from "../../../clients/ctl/pipeline_file.ts";
import { writeForm } from "../../../clients/ctl/write_form.ts";
import type { Transport } from "../../../clients/transport.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { codecOf } from "../../../proto/codec.ts";
import { pipelineConfig } from "../../fixtures/pipelines.ts";

Deno.test("apply tries no other pipeline when no router answers any more", async () => {
  const codec = codecOf<object>(pipelineType);
  const forms = ["a", "b"].map((id) =>
    writeForm(pipelineType, codec.decode(codec.encode(pipelineConfig({ id }))))
  );
  let asked = 0;
  const transport: Partial<Transport> = {
    unary: () => {
      asked++;
      return Promise.reject(new ConveyorError(Code.Unavailable, "gone"));
    },
    close: () => Promise.resolve(),
  };
  const call = {
    flags: { texts: () => ["-"], isSet: () => false },
    session: { admin: () => new AdminClient(transport as Transport) },
    read: () => JSON.stringify(forms),
    fail: (error: unknown) => assert(false, `${error}`),
  };
  await assertRejects(
    () => apply(call as unknown as Call),
    ConveyorError,
    "gone",
  );
  assertEquals(asked, 1);
});
