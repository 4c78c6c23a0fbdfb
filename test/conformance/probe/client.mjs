// The client of a probe case: it writes the bytes over a socket of its own and reads what comes back. It judges nothing.
import { connect } from 'node:net';

/** Without an answer for so long, a connection is silent; the listeners that are tried wait 10 s or more. */
const PATIENCE_MS = 3000;
/** A connection that says nothing for so long behind an answer stays open. */
const QUIET_MS = 500;

/**
 * Sends `payload` from the local `address` and tells what came:
 * `{interim, answer, others, isBare, isClosed}`: statuses before the first final answer, that answer `{status, fields, body}` or
 * null, statuses behind it, whether only bytes without a head came (HTTP/0.9), and whether the other side ended the connection.
 */
export async function send({ port, address, payload }) {
  const socket = connect({
    port,
    host: '127.0.0.1',
    localAddress: address,
    noDelay: true,
    allowHalfOpen: true,
  });
  const isHead = payload.startsWith('HEAD ');
  let text = '';
  let isClosed = false;
  try {
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    await new Promise((resolve) => {
      let timer = setTimeout(resolve, PATIENCE_MS);
      const close = () => {
        isClosed = true;
        clearTimeout(timer);
        resolve();
      };
      socket.on('end', close).on('error', close).on('close', close);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (answersIn(text, isHead).every(isInterim)) return;
        clearTimeout(timer);
        timer = setTimeout(resolve, QUIET_MS);
      });
      socket.write(Buffer.from(payload, 'latin1'));
    });
  } finally {
    // By reset: no connection lingers in the kernel.
    socket.resetAndDestroy();
  }
  const answers = answersIn(text, isHead);
  const at = answers.findIndex((one) => !isInterim(one));
  const statuses = (some) => some.map(({ status }) => status);
  return {
    interim: statuses(at < 0 ? answers : answers.slice(0, at)),
    answer: answers[at] ?? null,
    others: at < 0 ? [] : statuses(answers.slice(at + 1)),
    isBare: answers.length === 0 && text !== '',
    isClosed,
  };
}

/** 101 is an answer: another protocol follows it. */
const isInterim = ({ status }) => status < 200 && status !== 101;

/** The answers whose heads are whole, one behind the other; a body may still be cut short. */
function answersIn(text, isHead) {
  const answers = [];
  for (let rest = text; ; ) {
    const head = /^HTTP\/\d\.\d (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
    if (head === null) return answers;
    const status = Number(head[1]);
    const fields = fieldsIn(head[2]);
    rest = rest.slice(head[0].length);
    const hasNone = isInterim({ status }) || status === 204 || status === 304;
    const [body, after] = hasNone ? ['', rest] : isHead ? [rest, ''] : split(rest, fields);
    answers.push({ status, fields, body });
    rest = after;
  }
}

/** By lower-case name; values of one name are joined. */
function fieldsIn(block) {
  const fields = new Map();
  for (const line of block.split('\r\n').slice(0, -1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    fields.set(name, fields.has(name) ? `${fields.get(name)}, ${value}` : value);
  }
  return fields;
}

/** The body, without chunk framing, and what stands behind it. */
function split(text, fields) {
  if (/chunked/i.test(fields.get('transfer-encoding') ?? '')) return splitChunks(text);
  const length = Number(fields.get('content-length') ?? text.length);
  return [text.slice(0, length), text.slice(length)];
}

function splitChunks(text) {
  let body = '';
  for (let rest = text; ; ) {
    const line = /^([0-9a-f]+)[^\r\n]*\r\n/i.exec(rest);
    if (line === null) return [body, ''];
    const start = line[0].length;
    const end = start + Number.parseInt(line[1], 16);
    body += rest.slice(start, end);
    rest = rest.slice(end + 2);
    if (end === start) return [body, rest];
  }
}
