// Keep-alive connections in a process of their own that ask once and then say nothing.
import { holdIdle } from '../../../bench/load/idle.mjs';

const { port, path } = JSON.parse(process.argv[2] ?? '{}');
const idle = holdIdle({ port, path, token: 'none' });

process.on('message', async ({ count }) => {
  try {
    await idle.open(count);
    process.send({ open: count, lost: idle.lost() });
  } catch (error) {
    process.send({ error: error.message });
  }
});
