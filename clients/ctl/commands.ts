/** Every command of the client, in the order of its help. */
import { apply } from "./apply.ts";
import type { Command } from "./command.ts";
import { disable, enable, get, list, remove, status } from "./pipelines.ts";

export const commands: readonly Command[] = [
  {
    name: "apply",
    help: "makes pipelines what files say (YAML or JSON)",
    flags: [
      {
        name: "file",
        short: "f",
        value: "FILE",
        repeated: true,
        help: "a file with pipelines; - for standard input",
      },
      { name: "dry-run", help: "checks the files, without a router" },
    ],
    run: apply,
  },
  { name: "list", help: "all pipelines", run: list },
  {
    name: "get",
    words: ["ID"],
    help: "a pipeline, in the form that apply takes",
    output: "yaml",
    run: get,
  },
  {
    name: "delete",
    words: ["ID"],
    help: "removes a pipeline",
    flags: [{
      name: "force",
      help: "although it is enabled or has records under way",
    }],
    run: remove,
  },
  {
    name: "enable",
    words: ["ID"],
    help: "makes a pipeline take records",
    run: enable,
  },
  {
    name: "disable",
    words: ["ID"],
    help: "makes a pipeline take no more records",
    flags: [{ name: "drain", help: "waits for those under way" }],
    run: disable,
  },
  {
    name: "status",
    words: ["[ID]"],
    help: "how the stages of a pipeline go, or of all, on one router",
    run: status,
  },
];
