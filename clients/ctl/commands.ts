/** Every command of the client, in the order of its help. */
import { apply } from "./apply.ts";
import type { Command, Flag } from "./command.ts";
import * as backups from "./backups.ts";
import * as cluster from "./cluster.ts";
import * as letters from "./letters.ts";
import { disable, enable, get, list, remove } from "./pipelines.ts";
import { status } from "./status.ts";

/** What selects dead letters. */
const letterFlags: readonly Flag[] = [
  { name: "pipeline", value: "ID", help: "only those of this pipeline" },
  { name: "stage", value: "ID", help: "only those of this stage" },
  { name: "error-code", value: "CODE", help: "only failures of this kind" },
  { name: "failed-from", value: "TIME", help: "only failures since then" },
  { name: "failed-before", value: "TIME", help: "only failures before then" },
];
const all: Flag = { name: "all", help: "all of them" };

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
        required: true,
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
    help: "how the stages of a pipeline go, or of all, on each router",
    flags: [{ name: "rate", help: "looks for a second, and tells records/s" }],
    run: status,
  },
  {
    name: "letters",
    help: "how many dead letters the routers keep, and of what",
    flags: letterFlags,
    run: letters.count,
  },
  {
    name: "letters list",
    words: ["[ID…]"],
    help: "dead letters, the oldest first",
    flags: [...letterFlags, {
      name: "limit",
      value: "N",
      help: "at most so many (default: 100)",
    }],
    run: letters.list,
  },
  {
    name: "letters get",
    words: ["ID"],
    help: "a dead letter, with its record",
    output: "yaml",
    run: letters.get,
  },
  {
    name: "letters replay",
    words: ["[ID…]"],
    help: "sends dead letters through again",
    flags: [...letterFlags, all, {
      name: "from-source",
      help: "from the source on, rather than from the stage that failed",
    }],
    run: letters.replay,
  },
  {
    name: "letters discard",
    words: ["[ID…]"],
    help: "removes dead letters for good",
    flags: [...letterFlags, all],
    run: letters.discard,
  },
  {
    name: "services",
    help: "the services that are registered",
    run: cluster.services,
  },
  {
    name: "offsets",
    words: ["SOURCE"],
    help: "where a source goes on, by partition",
    run: cluster.offsets,
  },
  { name: "nodes", help: "the routers of the cluster", run: cluster.nodes },
  {
    name: "nodes add",
    words: ["NODE", "ADDRESS"],
    help: "takes a node in, without a vote",
    run: cluster.addNode,
  },
  {
    name: "nodes promote",
    words: ["NODE"],
    help: "gives a node its vote",
    run: cluster.promoteNode,
  },
  {
    name: "nodes remove",
    words: ["NODE"],
    help: "takes a node out for good",
    run: cluster.removeNode,
  },
  {
    name: "nodes transfer",
    words: ["[NODE]"],
    help: "makes another node lead",
    run: cluster.transferLead,
  },
  {
    name: "backup create",
    words: ["[ID]"],
    help: "makes a snapshot, which the first router keeps",
    run: backups.create,
  },
  {
    name: "backup list",
    help: "the snapshots that it keeps",
    run: backups.list,
  },
  {
    name: "backup download",
    words: ["ID", "FILE"],
    help: "writes a snapshot to a file",
    run: backups.download,
  },
  {
    name: "backup delete",
    words: ["ID"],
    help: "removes a snapshot",
    run: backups.remove,
  },
  {
    name: "backup restore",
    words: ["[ID]"],
    help: "puts a snapshot in place of the state of the cluster",
    flags: [{
      name: "file",
      short: "f",
      value: "FILE",
      help: "the snapshot in this file, as download wrote it",
    }, { name: "dry-run", help: "only checks that it could" }],
    run: backups.restore,
  },
];
