// The bare uWebSockets.js reference: node hello.mjs PORT BODY
const loaded = await import('uWebSockets.js');
const uws = loaded.default ?? loaded;
const [port, body] = process.argv.slice(2);

uws._cfg?.('silent');
uws
  .App()
  .any('/*', (res) => {
    res.end(body);
  })
  .listen('127.0.0.1', Number(port), (socket) => {
    if (!socket) process.exit(1);
  });
