/**
 * Keeps one bad output from failing its whole batch. Outputs are checked as they are encoded, which
 * is after the function has returned, so it is the response's codec that turns a result that cannot
 * be encoded into that record's error. A response without such a result costs nothing more.
 */
import type { Codec, MessageInit } from "../../proto/codec.ts";
import {
  type ProcessBatchResponse,
  type ProcessStreamResponse,
  type TransformResult,
  type TransformServiceMethods,
  TransformStatus,
} from "../../proto/messages/transform.ts";
import type { Service } from "../../proto/service.ts";

type Result = MessageInit<TransformResult>;

/** `service`, whose responses always can be encoded. */
export function encodableResults(
  service: Service<TransformServiceMethods>,
): Service<TransformServiceMethods> {
  const { processBatch, processStream } = service.methods;
  const batch = processBatch.response;
  const stream = processStream.response;
  const checked = (result: Result): Result => {
    try {
      stream.encode({ result });
      return result;
    } catch (error) {
      return {
        originalId: result.originalId,
        status: TransformStatus.Error,
        errorMessage: (error as Error).message,
      };
    }
  };
  return {
    ...service,
    methods: {
      ...service.methods,
      processBatch: {
        ...processBatch,
        response: retrying<ProcessBatchResponse>(batch, (response) => ({
          ...response,
          results: response.results?.map(checked),
        })),
      },
      processStream: {
        ...processStream,
        response: retrying<ProcessStreamResponse>(stream, (response) => ({
          ...response,
          result: response.result && checked(response.result),
        })),
      },
    },
  };
}

/** A codec that tries a message again as `amended` when it cannot encode it. */
function retrying<T>(
  codec: Codec<T>,
  amended: (message: MessageInit<T>) => MessageInit<T>,
): Codec<T> {
  return {
    decode: (bytes) => codec.decode(bytes),
    encode: (message) => {
      try {
        return codec.encode(message);
      } catch {
        return codec.encode(amended(message));
      }
    },
  };
}
