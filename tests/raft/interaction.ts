/**
 * Runs the commands of transcripts against a group of nodes: who works, who hears what, what is
 * lost, in which order. Commands and output are those of etcd's interaction tests, without the
 * lines that etcd's logger mixes in.
 */
import type { Refusal } from "../../lib/raft/types.ts";
import { bytes, message } from "../fixtures/raft_network.ts";
import { describeEntry, describePeer, roleNames } from "./describe.ts";
import {
  type Parcel,
  parcelOf,
  ScriptedNode,
  type Work,
} from "./scripted_node.ts";
import {
  confChange,
  nodeSettings,
  startSnapshot,
  valueOf,
} from "./script_values.ts";
import { type Argument, type Command, parseWords } from "./transcript.ts";

const roundsMax = 1000;

/** A group of nodes under a script. */
export class Interaction {
  readonly #nodes: ScriptedNode[] = [];
  #parcels: Parcel[] = [];
  #out: string[] = [];
  #quiet = false;

  /** Runs one command; its output in lines. */
  run({ name, args, input }: Command): string[] {
    this.#out = [];
    if (name === "propose-conf-change") {
      this.#proposeConfChange(args, input);
    } else {
      this.#single(name, args);
      for (const line of input) {
        const [first, ...rest] = parseWords(line);
        this.#single(first!.key, rest);
      }
    }
    const said = this.#out.join("").split("\n");
    if (said.at(-1) === "") said.pop();
    return said.length === 0 ? ["ok"] : said;
  }

  #single(name: string, args: readonly Argument[]): void {
    const first = (): ScriptedNode => this.#node(args[0]!.key);
    switch (name) {
      case "add-nodes":
        return this.#addNodes(args);
      case "campaign":
        return void first().raft.campaign();
      case "compact":
        first().storage.dropUpTo(Number(args[1]!.key));
        return this.#raftLog(first());
      case "deliver-msgs":
        return this.#deliverMessages(args);
      case "forget-leader":
        return first().raft.forgetLeader();
      case "log-level":
        return this.#logLevel(args[0]!.key);
      case "process-ready":
        return this.#each(args, "handling Ready", (node) => this.#ready(node));
      case "process-append-thread":
        return this.#each(
          args,
          "processing append thread",
          (node) => this.#work(node.appendWork, "append"),
        );
      case "process-apply-thread":
        return this.#each(
          args,
          "processing apply thread",
          (node) => this.#work(node.applyWork, "apply"),
        );
      case "propose":
        return this.#refused(first().raft.propose([bytes(args[1]!.key)]));
      case "raft-log":
        return this.#raftLog(first());
      case "raft-state":
        return this.#raftState();
      case "report-unreachable":
        return first().raft.reportUnreachable(Number(args[1]!.key));
      case "send-snapshot":
        return this.#sendSnapshot(first(), Number(args[1]!.key));
      case "set-randomized-election-timeout":
        return first().raft.setRandomizedElectionTimeout(
          Number(valueOf(args, "timeout")),
        );
      case "stabilize":
        return this.#stabilizeCommand(args);
      case "status":
        return this.#print(
          first().raft.status().peers.map((peer) => `${describePeer(peer)}\n`)
            .join(""),
        );
      case "tick-election":
        return this.#tick(first(), first().settings.electionTicks);
      case "tick-heartbeat":
        return this.#tick(first(), first().settings.heartbeatTicks);
      case "transfer-leadership":
        return void this.#node(valueOf(args, "from")).raft.transferLeader(
          Number(valueOf(args, "to")),
        );
      default:
        throw new Error(`unknown command ${name}`);
    }
  }

  #addNodes([count, ...options]: readonly Argument[]): void {
    const snapshot = startSnapshot(options);
    for (let left = Number(count!.key); left > 0; left--) {
      const id = this.#nodes.length + 1;
      this.#nodes.push(new ScriptedNode(nodeSettings(id, options), snapshot));
    }
  }

  #proposeConfChange(
    [id, ...options]: readonly Argument[],
    input: readonly string[],
  ): void {
    const words = input.flatMap((line) => parseWords(line));
    const { raft } = this.#node(id!.key);
    this.#refused(raft.proposeConfChange(confChange(options, words)));
  }

  /** A refusal of what a command asked for is told whatever the log level. */
  #refused(refusal: Refusal | undefined): void {
    const said = refusalInWords(refusal);
    if (said !== undefined) this.#out.push(`${said}\n`);
  }

  #deliverMessages(args: readonly Argument[]): void {
    const type = args.find(({ key }) => key === "type")?.values[0];
    let count = 0;
    for (const { key, values } of args) {
      if (key === "type") continue;
      if (values.length === 0) count += this.#deliver(Number(key), type, false);
      for (const value of values) {
        count += this.#deliver(Number(value), type, true);
      }
    }
    if (count === 0) this.#print("no messages\n");
  }

  /** Delivers what is under way to `to`, or drops it; how much that was. */
  #deliver(to: number, type: string | undefined, drop: boolean): number {
    const due = this.#due(to, type, drop);
    this.#parcels = this.#parcels.filter((one) => !due.includes(one));
    for (const parcel of due) {
      this.#print(`${drop ? "dropped: " : ""}${parcel.said}\n`);
      if (drop) continue;
      const refusal = parcel.arrive(this.#node(to));
      const said = refusalInWords(refusal);
      if (parcel.errorsTold && said !== undefined) this.#print(`${said}\n`);
    }
    return due.length;
  }

  #due(to: number, type: string | undefined, drop: boolean): Parcel[] {
    return this.#parcels.filter((one) =>
      one.to === to && !(drop && one.local) &&
      (type === undefined || one.type === type)
    );
  }

  #stabilizeCommand(args: readonly Argument[]): void {
    const quiet = this.#quiet;
    const level = args.find(({ key }) => key === "log-level");
    if (level) this.#logLevel(level.values[0]!);
    const ids = args.filter(({ values }) => values.length === 0);
    this.#stabilize(
      ids.length > 0 ? ids.map(({ key }) => this.#node(key)) : this.#nodes,
    );
    this.#quiet = quiet;
  }

  #stabilize(nodes: readonly ScriptedNode[]): void {
    for (let rounds = 0; rounds < roundsMax; rounds++) {
      let idle = true;
      const turn = (
        what: string,
        due: (node: ScriptedNode) => boolean,
        act: (node: ScriptedNode) => void,
      ) => {
        for (const node of nodes) {
          if (!due(node)) continue;
          idle = false;
          this.#print(`> ${node.id} ${what}\n`);
          this.#indented(() => act(node));
        }
      };
      turn(
        "handling Ready",
        ({ raft }) => raft.hasReady(),
        (node) => this.#ready(node),
      );
      turn(
        "receiving messages",
        ({ id }) => this.#due(id, undefined, false).length > 0,
        ({ id }) => void this.#deliver(id, undefined, false),
      );
      turn(
        "processing append thread",
        ({ appendWork }) => appendWork.length > 0,
        ({ appendWork }) => {
          while (appendWork.length > 0) this.#work(appendWork, "append");
        },
      );
      turn(
        "processing apply thread",
        ({ applyWork }) => applyWork.length > 0,
        ({ applyWork }) => {
          while (applyWork.length > 0) this.#work(applyWork, "apply");
        },
      );
      if (idle) return;
    }
    throw new Error("the group does not come to rest");
  }

  #ready(node: ScriptedNode): void {
    const { said, parcels } = node.process();
    this.#print(said);
    this.#parcels.push(...parcels);
  }

  #work(queue: Work[], name: string): void {
    const work = queue.shift();
    if (!work) return this.#print(`no ${name} work to perform`);
    this.#print(`Processing:\n${work.said}\n`);
    work.run();
    this.#print(
      ["Responses:", ...work.responses.map(({ said }) => said), ""].join("\n"),
    );
    this.#parcels.push(...work.responses);
  }

  #sendSnapshot(from: ScriptedNode, to: number): void {
    const parcel = parcelOf(
      message("MsgSnap", from.id, to, from.raft.status().term, {
        snapshot: from.storage.snapshot(),
      }),
    );
    this.#parcels.push(parcel);
    this.#print(parcel.said);
  }

  #raftLog({ storage }: ScriptedNode): void {
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) {
      return this.#print(
        `log is empty: first index=${first}, last index=${last}`,
      );
    }
    for (const entry of storage.entries(first, last + 1, Infinity)) {
      this.#print(`${describeEntry(entry)}\n`);
    }
  }

  #raftState(): void {
    for (const { raft } of this.#nodes) {
      const { id, role, term, lead, voters, votersOutgoing } = raft.status();
      const votes = voters.includes(id) || votersOutgoing.includes(id);
      this.#print(
        `${id}: ${roleNames[role]} (${votes ? "Voter" : "Non-Voter"}) ` +
          `Term:${term} Lead:${lead}\n`,
      );
    }
  }

  #tick({ raft }: ScriptedNode, count: number): void {
    for (let left = count; left > 0; left--) raft.tick();
  }

  #each(
    ids: readonly Argument[],
    what: string,
    act: (node: ScriptedNode) => void,
  ): void {
    for (const { key } of ids) {
      if (ids.length === 1) return act(this.#node(key));
      this.#print(`> ${key} ${what}\n`);
      this.#indented(() => act(this.#node(key)));
    }
  }

  #indented(act: () => void): void {
    const outer = this.#out;
    this.#out = [];
    act();
    const said = this.#out.join("").replace(/\n$/, "");
    this.#out = outer;
    if (said === "") return;
    for (const line of said.split("\n")) this.#out.push(`  ${line}\n`);
  }

  #logLevel(level: string): void {
    this.#quiet = level.toLowerCase() === "none";
  }

  #print(said: string): void {
    if (!this.#quiet) this.#out.push(said);
  }

  #node(id: string | number): ScriptedNode {
    const node = this.#nodes[Number(id) - 1];
    if (!node) throw new Error(`there is no node ${id}`);
    return node;
  }
}

/** Refusals in etcd's words; a change that gave way to an empty entry is none of them there. */
function refusalInWords(refusal: Refusal | undefined): string | undefined {
  if (refusal === undefined || refusal === "confChangeRefused") {
    return undefined;
  }
  return refusal === "unknownPeer"
    ? "raft: cannot step as peer not found"
    : "raft proposal dropped";
}
