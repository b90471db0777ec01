/**
 * Calls of one server, for walks through its methods: each says what is asked and what is answered or
 * refused. What was called is noted, so that a method that no walk calls is found.
 */
import { assertObjectMatch } from "@std/assert";
import { Channel } from "../../../clients/channel.ts";
import type { Code } from "../../../lib/errors.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { Method } from "../../../proto/service.ts";
import { Conversation } from "../../fixtures/conversation.ts";
import { rejection } from "../../fixtures/rejection.ts";

/** Paths of methods, and whether any call of them was answered. */
export type Called = Map<string, boolean>;

export class Calls implements AsyncDisposable {
  readonly #channel: Channel;
  readonly #called: Called;

  constructor(channel: Channel, called: Called) {
    this.#channel = channel;
    this.#called = called;
  }

  static async of(url: string, called: Called): Promise<Calls> {
    return new Calls(await Channel.connect(url), called);
  }

  /** The answer to one request, of a stream the first; it has at least what is expected. */
  async answers<I, O>(
    method: Method<I, O>,
    request: MessageInit<I>,
    expected: object = {},
  ): Promise<O> {
    const [answer] = await this.stream(method, [request], () => true);
    assertObjectMatch(
      answer as Record<string, unknown>,
      expected as Record<string, unknown>,
      method.path,
    );
    return answer!;
  }

  /** The call fails with that code. */
  async refuses<I, O>(
    code: Code,
    method: Method<I, O>,
    ...requests: MessageInit<I>[]
  ): Promise<void> {
    await rejection(this.#answers(method, requests), code);
    this.#called.set(method.path, this.#called.get(method.path) ?? false);
  }

  /** All answers to these requests, or those up to the one that is enough. */
  async stream<I, O>(
    method: Method<I, O>,
    requests: readonly MessageInit<I>[],
    isEnough?: (answer: O) => boolean,
  ): Promise<O[]> {
    const answers = await this.#answers(method, requests, isEnough);
    this.#called.set(method.path, true);
    return answers;
  }

  /** A stream on which every request has one answer. */
  talk<I, O>(method: Method<I, O, "bidi">): Conversation<I, O> {
    this.#called.set(method.path, true);
    return new Conversation(this.#channel, method);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#channel.close();
  }

  async #answers<I, O>(
    method: Method<I, O>,
    requests: readonly MessageInit<I>[],
    isEnough: (answer: O) => boolean = () => false,
  ): Promise<O[]> {
    if (isUnary(method)) {
      return [(await this.#channel.unary(method, requests[0]!)).message];
    }
    const sent = async function* () {
      yield* requests;
    };
    const answers: O[] = [];
    for await (const answer of this.#channel.stream(method, sent())) {
      answers.push(answer);
      if (isEnough(answer)) break;
    }
    return answers;
  }
}

function isUnary<I, O>(
  method: Method<I, O>,
): method is Method<I, O, "unary"> {
  return method.kind === "unary";
}
