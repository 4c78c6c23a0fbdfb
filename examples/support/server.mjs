// A small service for the examples: it answers every request with what `answer` makes of it, as JSON.
import { createServer } from 'node:http';

/** `{url, close()}` of a server on a free port of loopback. */
export async function startServer(answer) {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer(request)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
