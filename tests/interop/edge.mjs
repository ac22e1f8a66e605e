// Runs the Worker or the function of docs/routing.md in the runtime of its platform, on loopback, until stdin ends.
//
// The first line of stdin is JSON: {"kind": "worker", "bucket" or "function", "code": ..., "date": ..., "binding": ...}.
// The first line of stdout is the URL. Each further line of stdin is answered by one of JSON: all that the Worker has
// stored, in its KV namespace or its R2 bucket. What the function logs comes on stdout as it is.
import { createInterface } from 'node:readline';
import { transformSync } from 'esbuild';
import { EdgeRuntime, runServer } from 'edge-runtime';
import { Miniflare } from 'miniflare';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { kind, code, date, binding } = JSON.parse((await lines.next()).value);

if (kind === 'worker') {
  const miniflare = new Miniflare({ modules: true, script: code, compatibilityDate: date, kvNamespaces: [binding], cf: false });
  console.log(String(await miniflare.ready));
  const stored = await miniflare.getKVNamespace(binding);
  for await (const _ of lines) {
    const { keys } = await stored.list();
    const entries = keys.map(async ({ name }) => [name, JSON.parse(await stored.get(name))]);
    console.log(JSON.stringify(Object.fromEntries(await Promise.all(entries))));
  }
  await miniflare.dispose();
} else if (kind === 'bucket') {
  const miniflare = new Miniflare({ modules: true, script: code, compatibilityDate: date, r2Buckets: [binding], cf: false });
  console.log(String(await miniflare.ready));
  const bucket = await miniflare.getR2Bucket(binding);
  for await (const _ of lines) {
    const { objects } = await bucket.list();
    const entries = objects.map(async ({ key }) => [key, await (await bucket.get(key)).text()]);
    console.log(JSON.stringify(Object.fromEntries(await Promise.all(entries))));
  }
  await miniflare.dispose();
} else {
  // As the platform does: types go, and the default export answers.
  const plain = transformSync(code, { loader: 'ts', format: 'iife', globalName: 'api' }).code;
  const answer = "addEventListener('fetch', (event) => event.respondWith(api.default(event.request)));";
  const server = await runServer({ runtime: new EdgeRuntime({ initialCode: plain + answer }), host: '127.0.0.1' });
  console.log(server.url);
  for await (const _ of lines) continue;
  await server.close();
}
