// uWebSockets.js in front, undici behind, no policies: node undici.mjs PORT ORIGIN_PORT
import { Pool } from 'undici';

const loaded = await import('uWebSockets.js');
const uws = loaded.default ?? loaded;
const [port, origin] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${origin}`, { connections: 1024, pipelining: 1 });

uws._cfg?.('silent');
uws
  .App()
  .any('/*', (res, req) => {
    let isAborted = false;
    res.onAborted(() => {
      isAborted = true;
    });
    const headers = {};
    req.forEach((name, value) => {
      headers[name] = value;
    });
    const method = req.getCaseSensitiveMethod();
    forward(res, { method, path: req.getUrl(), headers }, () => isAborted);
  })
  .listen('127.0.0.1', Number(port), (socket) => {
    if (!socket) process.exit(1);
  });

async function forward(res, options, isAborted) {
  try {
    const { statusCode, headers, body } = await pool.request(options);
    const bytes = await body.arrayBuffer();
    if (isAborted()) return;
    res.cork(() => {
      res.writeStatus(String(statusCode));
      for (const [name, value] of Object.entries(headers))
        if (isOurs(name)) res.writeHeader(name, String(value));
      res.end(bytes);
    });
  } catch {
    if (!isAborted()) res.cork(() => res.writeStatus('502 Bad Gateway').end());
  }
}

const isOurs = (name) =>
  !['connection', 'keep-alive', 'content-length', 'transfer-encoding', 'date'].includes(name);
