// A load client in a process of its own: connections that ask again and again, each request with a number; tells which were answered whole.
import { Agent, request } from 'node:http';

const { port, connections, target } = JSON.parse(process.argv[2] ?? '{}');
const answered = [];
const other = {};
let number = 0;
let stopped = false;

const note = (what) => {
  other[what] = (other[what] ?? 0) + 1;
};

function ask(agent) {
  number += 1;
  const id = number;
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', path: `${target}?${id}`, agent }, (response) => {
      let bytes = 0;
      response.on('data', (chunk) => {
        bytes += chunk.length;
      });
      response.on('error', () => resolve(note('broken')));
      response.on('end', () => {
        if (response.statusCode === 200 && bytes > 0) answered.push(id);
        else note(response.statusCode);
        resolve();
      });
    });
    asked.on('error', (error) => {
      // Nobody listens any more: this connection has nothing left to ask.
      if (error.code === 'ECONNREFUSED') stopped = true;
      resolve(note(error.code));
    });
    asked.end();
  });
}

async function lane() {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!stopped) await ask(agent);
  agent.destroy();
}

await Promise.all(Array.from({ length: connections }, lane));
process.send({ answered, other });
process.disconnect();
