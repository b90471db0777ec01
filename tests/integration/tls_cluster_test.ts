/**
 * Goal: a cluster of which everything is encrypted and everybody shows a certificate works: nodes among
 * each other, one that joins, services, a sidecar, clients; and whoever has no certificate is refused.
 * Method: `server.ts` and the sidecar in processes of their own, with an authority that the runtime does
 * not know. Without leak checks: grpc-js leaves the backoff timer of a node that went away.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AdminClient,
  ClusterClient,
  CoordinatorClient,
  SourceClient,
} from "@conveyor/grpc";
import { serveSink } from "@conveyor/grpc/connector";
import { freePorts } from "../fixtures/free_ports.ts";
import { inFolder } from "../fixtures/in_folder.ts";
import { line, numberOf, numbers } from "../fixtures/router_setup.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { until } from "../fixtures/until.ts";

const folder = new URL("../fixtures/tls/", import.meta.url).pathname;
const text = (name: string): string => Deno.readTextFileSync(folder + name);
const flags = [
  ...["--tls-cert", `${folder}server.pem`, "--tls-key", `${folder}server.key`],
  ...["--tls-ca", `${folder}ca.pem`, "--tls-client-ca", `${folder}ca.pem`],
];
const tls = {
  caFile: `${folder}ca.pem`,
  certFile: `${folder}client.pem`,
  keyFile: `${folder}client.key`,
};
const connect = { tls, connectTimeoutMs: 30_000 };
const serverTls = {
  cert: text("server.pem"),
  key: text("server.key"),
  clientCa: text("ca.pem"),
};

function test(name: string, fn: (data: string) => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => inFolder(fn),
  });
}

test("nodes, services, a sidecar and clients of a cluster with TLS reach each other", async (data) => {
  const ports = freePorts(8);
  const grpcOf = (id: number) => `localhost:${ports[2 * id - 2]}`;
  const raftOf = (id: number) => `localhost:${ports[2 * id - 1]}`;
  await using stack = new AsyncDisposableStack();
  const start = (id: number, ...more: string[]): ServerProcess =>
    stack.use(
      new ServerProcess([
        ...["--node-id", `${id}`, "--data-dir", `${data}/${id}`],
        ...["--listen-addr", grpcOf(id), "--raft-addr", raftOf(id)],
        ...["--http-addr", "off", ...flags, ...more],
      ]),
    );
  const peers = [1, 2, 3].map((id) => `${id}=${raftOf(id)}`).join();
  const nodes = [1, 2, 3].map((id) => start(id, "--peers", peers));
  await Promise.all(nodes.map((node) => node.line("ready")));
  const urls = [1, 2, 3].map((id) => `https://${grpcOf(id)}`);
  await start(
    4,
    ...["--join", grpcOf(2), "--advertise-addr", raftOf(4)],
  ).line("ready");

  const stored = new Set<number>();
  const store = stack.use(
    await serveSink((record) => void stored.add(numberOf(record)), {
      address: "localhost:0",
      signals: false,
      tls: serverTls,
      register: {
        router: urls,
        useTls: true,
        service: { serviceId: "store-1", name: "store" },
        connect,
      },
    }),
  );
  const admin = stack.use(await AdminClient.connect(urls[1]!, connect));
  await admin.createPipeline(line("store"));
  let first = 1;
  // Every node is a leader's follower but one: writes of metadata are forwarded.
  for (const url of [...urls, `https://${grpcOf(4)}`]) {
    await using source = await SourceClient.connect(url, "numbers", connect);
    await source.push(numbers(10, first));
    first += 10;
    await until(async () =>
      (await source.resumePositions()).get(0) === BigInt(first)
    );
  }
  assertEquals(stored.size, 40);
  await using cluster = await ClusterClient.connect(urls, connect);
  const { nodes: members } = await cluster.listNodes();
  assertEquals(
    members.map(({ address }) => address).sort(),
    [
      ...[1, 2, 3, 4].map((id) => `https://${raftOf(id)}`),
    ].sort(),
  );

  const pod = stack.use(
    new ServerProcess([...flags, "--listen-host", "localhost"], {
      script: "lib/sidecar/main.ts",
      env: {
        SIDECAR_ID: "pod-1",
        GRPC_PORT: "0",
        CLUSTER_ENDPOINT: urls.join(),
        LOCAL_SERVICES: `numbers=source,store=sink@https://${store.address}`,
      },
    }),
  );
  const podUrl = (await pod.url()).replace("http:", "https:");
  await using source = await SourceClient.connectToSidecar(
    podUrl,
    "numbers",
    connect,
  );
  await source.push(numbers(10, first));
  assertEquals(stored.size, 50);
  assert((await source.resumePositions()).has(0));
});

test("a router that asks for certificates refuses who has none, also in the place of another node", async (data) => {
  const [grpc, raft] = freePorts(2);
  await using node = new ServerProcess([
    ...["--data-dir", data, "--listen-addr", `localhost:${grpc}`],
    ...["--raft-addr", `localhost:${raft}`, "--http-addr", "off", ...flags],
    ...["--advertise-addr", `localhost:${raft}`],
  ]);
  await node.line("ready");
  for (const port of [grpc, raft]) {
    const url = `https://localhost:${port}`;
    const stranger = { tls: { caFile: tls.caFile }, connectTimeoutMs: 500 };
    await assertRejects(async () => {
      await using client = await CoordinatorClient.connect(url, stranger);
      await client.heartbeat({ sidecarId: "pod-1" }, { timeoutMs: 500 });
    });
  }
  await using known = await ClusterClient.connect(
    `https://localhost:${grpc}`,
    connect,
  );
  assertEquals((await known.listNodes()).nodes.length, 1);
});
