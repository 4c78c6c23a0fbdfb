// Out of descriptors, the gateway closes what it cannot serve and goes on; its event loop once stood still for ever.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { underTest } from '../support/listeners.ts';
import { until } from '../support/until.ts';

const child = fileURLToPath(new URL('../support/children/few-descriptors.mjs', import.meta.url));

test('a gateway survives more connections than it has descriptors', async () => {
  const command = `ulimit -n 256 && exec "${process.execPath}" "${child}" '${JSON.stringify(underTest)}'`;
  const gateway = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void gateway.kill('SIGKILL'));
  const [line] = (await once(gateway.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  let closed = 0;
  const sockets: Socket[] = [];
  for (let i = 0; i < 400; i += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {}).on('close', () => (closed += 1));
    sockets.push(socket);
  }
  await until('some are refused', () => closed > 20);
  expect(closed).toBeLessThan(400);
  for (const socket of sockets) socket.destroy();
  await until('the gateway serves again', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    return (await answer?.text()) === 'here';
  });
});
