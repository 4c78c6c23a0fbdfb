// A request every 100 ms over a connection of its own, whatever became of the one before; latencies count from the intended moment.
import { connect } from 'node:net';

const EVERY_MS = 100;
/** An answer that takes longer is none. */
const PATIENCE_MS = 10_000;

/** Asks until `stop()`, which resolves to `{outcomes, latencies}` (milliseconds, of answers with 200). */
export function startProbe(port) {
  const outcomes = {};
  const latencies = [];
  const pending = new Set();
  const begun = performance.now();
  let sent = 0;
  const send = () => {
    // A late timer makes up for what it missed.
    for (; begun + sent * EVERY_MS <= performance.now(); sent += 1) {
      const due = begun + sent * EVERY_MS;
      const one = ask(port).then((outcome) => {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (outcome === '200') latencies.push(performance.now() - due);
        pending.delete(one);
      });
      pending.add(one);
    }
  };
  const timer = setInterval(send, 5);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      return { outcomes, latencies };
    },
  };
}

function ask(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    const end = (outcome) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(end, PATIENCE_MS, 'no answer');
    socket.on('connect', () => socket.write('GET /probe HTTP/1.1\r\nHost: probe.test\r\n\r\n'));
    socket.on('error', (error) => end(error.code));
    socket.on('close', () => end('closed'));
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? Number.NaN);
      if (head >= 0 && text.length >= head + 4 + length) end(text.slice(9, 12));
    });
  });
}

/** The value below which a share of the sorted values lies. */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
