// Clients for JavaScript: `node clients.mjs opentelemetry URL gzip|none` sends spans, `posthog URL` asks for flags and
// sends events. Prints what it sent, as JSON.
import otel from '@opentelemetry/sdk-trace';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { PostHog } from 'posthog-node';

const [kind, url, compression] = process.argv.slice(2);
const SPANS = 1200;

if (kind === 'opentelemetry') {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, compression });
  const provider = new otel.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'demo-cli', 'service.version': '1.2.3' }),
    spanProcessors: [new otel.BatchSpanProcessor({ exporter, maxQueueSize: 4 * SPANS, maxExportBatchSize: 512 })],
  });
  const tracer = provider.getTracer('demo');
  const ids = [];
  for (let n = 0; n < SPANS; n++) {
    const span = tracer.startSpan('import.from_code', { root: true });
    span.setAttributes({ n, big: Number.MAX_SAFE_INTEGER, ratio: 0.5, whole: 2.0, ok: true, text: 'héllo ☃', tags: ['a'] });
    span.setStatus({ code: n % 2 ? 2 : 1 });
    span.end();
    ids.push(span.spanContext().traceId);
  }
  await provider.forceFlush();
  await provider.shutdown();
  console.log(JSON.stringify(ids));
} else {
  const client = new PostHog('phc_key', { host: url, flushAt: 50 });
  client.on('error', (error) => console.error(error));
  const flag = (await client.evaluateFlags('jane@example.org')).getFlag('colour');
  for (let n = 0; n < 120; n++) {
    client.capture({ distinctId: 'jane@example.org', event: 'cli_command', properties: { n, ok: true, tags: ['a'] } });
  }
  await client.shutdown();
  console.log(JSON.stringify(flag));
}
