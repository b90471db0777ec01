/**
 * The services of the demo, each a function behind a gRPC server of its own that registers with the
 * router: a lookup, two transforms and three sinks.
 */
import {
  type Connector,
  type ConnectorOptions,
  serveLookup,
  serveSink,
  serveTransform,
} from "@conveyor/grpc/connector";
import type { Record } from "@conveyor/grpc";
import { type Airport, parseFlight } from "./dataset.ts";
import { count, emptyReport, lateMinutes, type Report } from "./report.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The running services, and what their sinks have seen. */
export interface DemoServices extends AsyncDisposable {
  readonly seen: Report;
}

/** Starts all services; `archive` is the file that the first sink appends to. */
export async function startServices(
  router: readonly string[],
  airports: ReadonlyMap<string, Airport>,
  archive: string,
): Promise<DemoServices> {
  const seen = emptyReport();
  const file = await Deno.open(archive, {
    write: true,
    create: true,
    truncate: true,
  });
  const options = (name: string): ConnectorOptions => ({
    address: "127.0.0.1:0",
    id: name,
    signals: false,
    register: { router, service: { serviceId: `${name}-1`, name } },
  });
  // A record may come twice after a failure: each sink knows which it has.
  const [fresh, freshLate, freshCounted] = [onceEach(), onceEach(), onceEach()];
  const connectors: Connector[] = await Promise.all([
    serveTransform((record) => {
      const { origin, destination, delay } = parseFlight(
        decoder.decode(record.payload),
      );
      return {
        ...record,
        metadata: {
          ...record.metadata,
          origin,
          destination,
          delay: `${delay}`,
        },
      };
    }, options("parse")),
    serveLookup((record) => {
      const airport = airports.get(record.metadata.origin ?? "");
      return airport && {
        city: encoder.encode(airport.city),
        state: encoder.encode(airport.state),
      };
    }, options("airports")),
    serveTransform((record) => {
      const late = Number(record.metadata.delay) >= lateMinutes;
      return { ...record, recordType: late ? "flight.late" : "flight.on_time" };
    }, options("classify")),
    serveSink({
      writeBatch: async (records) => {
        const lines = fresh(records).map(({ payload }) =>
          `${decoder.decode(payload)}\n`
        );
        await file.write(encoder.encode(lines.join("")));
        seen.archived += lines.length;
      },
    }, options("archive")),
    serveSink({
      writeBatch: (records) => {
        seen.late += freshLate(records).length;
        return Promise.resolve();
      },
    }, options("late")),
    serveSink({
      writeBatch: (records) => {
        for (const { metadata } of freshCounted(records)) {
          count(seen.byState, metadata["origin.state"] ?? "unknown");
        }
        return Promise.resolve();
      },
    }, options("counter")),
  ]);
  return {
    seen,
    async [Symbol.asyncDispose]() {
      for (const connector of connectors) await connector.close();
      file.close();
    },
  };
}

function onceEach(): (records: readonly Record[]) => readonly Record[] {
  const known = new Set<string>();
  return (records) =>
    records.filter(({ id }) => {
      const key = `${id?.partition}/${id?.sequenceNumber}`;
      if (known.has(key)) return false;
      known.add(key);
      return true;
    });
}
