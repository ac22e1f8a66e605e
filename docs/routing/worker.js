// A worker at the edge for the format json: one object of lines in an R2 bucket for each request. `report`, DuckDB and
// ClickHouse read such files. The name comes from what is in it, so a request that is repeated overwrites itself.
const LARGEST = 4 * 1024 * 1024;

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname !== '/t') return new Response(null, { status: 404 });
    if (request.method !== 'POST') return new Response(null, { status: 405 });
    let records;
    try {
      let body = request.body;
      if (request.headers.get('content-encoding') === 'gzip') body = body.pipeThrough(new DecompressionStream('gzip'));
      records = JSON.parse(await limited(body)).records;
    } catch (error) {
      return new Response(null, { status: error instanceof RangeError ? 413 : 400 });
    }
    if (!Array.isArray(records) || !records.length) return new Response(null, { status: 422 });
    const lines = records.map((record) => JSON.stringify(record)).join('\n') + '\n';
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(lines));
    const name = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    await env.EVENTS.put(`${new Date().toISOString().slice(0, 10)}/${name}.jsonl`, lines);
    return new Response(null, { status: 204 });
  },
};

// The text of a stream, as long as it is not too long: a small body may expand without end.
async function limited(body) {
  const parts = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > LARGEST) throw new RangeError('too large');
    parts.push(part);
  }
  return new Blob(parts).text();
}
