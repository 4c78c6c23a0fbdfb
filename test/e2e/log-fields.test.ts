// What clients, tokens and upstreams send reaches no log line, access record, error body or metric label unescaped.
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLogger } from '../../src/observe/logger.ts';
import { adminText, type ListeningGateway, startGateway } from '../support/gateway.ts';
import { goodClaims, signingKey, signToken } from '../support/issuer.ts';
import { isNative } from '../support/listeners.ts';
import { type RawAnswer, rawRequest, requestText } from '../support/raw.ts';
import { onHeads, startSocketUpstream } from '../support/upstream.ts';

/** Stands in all that is sent, so that it is found wherever it goes. */
const MARK = 'evil';

/** Latin-1 text. The listener `uws` leaves raw control characters in a head without an answer until it gives up. */
const hostile: readonly (readonly [name: string, text: string])[] = [
  ['quotes and backslashes', `${MARK}"a"\\"b\\\\`],
  ['what closes a JSON object', `${MARK}"}\\n{"level":"error","msg":"forged"}`],
  ['what closes a label', `${MARK}",endpoint="forged"} 1`],
  ['HTAB', `${MARK}\ta`],
  ['U+2028 and U+2029', `${MARK}\xe2\x80\xa8a\xe2\x80\xa9b`],
  ['the next line of C1', `${MARK}\xc2\x85a`],
  ['the CSI of C1', `${MARK}\xc2\x9b31mred`],
  ['a change of direction', `${MARK}\xe2\x80\xaea\xe2\x81\xa6b`],
  ['a byte order mark', `${MARK}\xef\xbb\xbfa`],
  ['bytes that are not UTF-8', `${MARK}\xff\xfea`],
  ['CSI as one byte', `${MARK}\x9b31mred`],
  ['an overlong line end', `${MARK}\xc0\x8aa`],
  ['half a pair', `${MARK}\xed\xa0\x80a`],
  ['markup', `${MARK}<script>alert(1)</script>`],
  ['a format', `${MARK}%s%d%n\${a}{{b}}`],
];
const controls: readonly (readonly [name: string, text: string])[] = [
  ['CR and LF', `${MARK}\r\nforged: 1`],
  ['LF', `${MARK}\nforged`],
  ['CR', `${MARK}\rforged`],
  ['escape', `${MARK}\x1b[31mred\x1b]0;title\x07`],
  ['NUL', `${MARK}\0a`],
  ['DEL and backspace', `${MARK}\x7f\x08a`],
];

const issuer = 'https://id.test';
const key = signingKey('main');
const escaped = (text: string): string =>
  [...text].map((byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');

interface Told {
  readonly gateway: ListeningGateway;
  readonly texts: { log: string; records: string };
}

async function start(): Promise<Told> {
  const texts = { log: '', records: '' };
  const up = await startSocketUpstream((socket) => {
    onHeads(socket, (head) => {
      const text = Buffer.from(/^x-answer: (\S*)/im.exec(head)?.[1] ?? '', 'hex').toString('latin1');
      const lines = `HTTP/1.1 200 ${text}\r\nX-A: ${text}\r\nContent-Length: 0\r\n\r\n`;
      socket.write(Buffer.from(lines, 'latin1'));
    });
  });
  const config = {
    service: 'shop',
    records: { headers: ['user-agent', 'x-request-id', 'traceparent'], query: true },
    listen: { trustedProxies: ['127.0.0.0/8'] },
    issuers: { main: { issuer, audience: false as const, jwks: { keys: [key.jwk] } } },
    upstreams: { back: { targets: [up.url] } },
    routes: [
      { id: 'up', match: { path: '/up/*rest' }, upstream: 'back' },
      { id: 'me', match: { path: '/me' }, jwt: 'main', claimHeaders: { 'X-User': 'sub' }, upstream: 'back' },
    ],
  };
  const records = new Writable({
    write(chunk: Buffer, _, done) {
      texts.records += chunk.toString();
      done();
    },
  });
  const logger = createLogger({ write: (text) => (texts.log += text) });
  const gateway = await startGateway(
    config,
    (made) => {
      made.get('/throw/:name', ({ params, headers, query }) => {
        const error = new Error(`${params.name} ${headers.get('user-agent')} ${query.get('q')}`);
        throw Object.assign(error, { code: params.name });
      });
      made.get('/claims', { jwt: 'main' }, ({ claims }) =>
        Promise.reject(new Error(String(claims?.['sub']))),
      );
    },
    { logger, records },
  );
  return { gateway, texts };
}

const bearer = (sub: string): string =>
  `Authorization: Bearer ${signToken(key, { ...goodClaims(issuer), sub })}`;

/** Requests that carry a text wherever a client can write one. */
function requestsWith(text: string): string[] {
  const path = escaped(text.replaceAll('\0', ''));
  const claim = Buffer.from(text, 'latin1').toString();
  return [
    requestText('GET', `/up/${path}?q=${path}`),
    requestText('GET', `/throw/${path}?q=${path}`),
    requestText('GET', `/nowhere/${path}`),
    requestText('GET', '/up/a', [`X-Answer: ${Buffer.from(text, 'latin1').toString('hex')}`]),
    requestText('GET', '/me', [bearer(claim)]),
    requestText('GET', '/claims', [bearer(claim)]),
  ];
}

/** The same with the text as it is, in a head. */
function rawRequestsWith(text: string): string[] {
  return [
    requestText('GET', '/up/a', [`User-Agent: ${text}`, `X-Request-Id: ${text}`]),
    requestText('GET', '/throw/a', [`User-Agent: ${text}`]),
    requestText('GET', '/nowhere', [
      `User-Agent: ${text}`,
      `traceparent: ${text}`,
      `X-Forwarded-For: ${text}`,
    ]),
    requestText('GET', '/me', [`Authorization: Bearer ${text}`, `Cookie: ${text}`]),
    requestText('GET', `/up/a?q=${text.replaceAll(/[ \t]/g, '')}`),
    requestText('GET', `/up/${text.replaceAll(/[ \t]/g, '')}`),
  ];
}

function checkAnswer(answer: RawAnswer): void {
  expect(answer.header('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  if (answer.status < 400) return;
  const body = answer.body.toString('latin1').trimEnd();
  expect(body).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(body)).toMatchObject({ status: answer.status });
}

/** One JSON object a line, of printable ASCII. */
function objectsOf(text: string): Record<string, unknown>[] {
  expect(text).toMatch(/^(?:[\x20-\x7e]+\n)*$/);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('one line each, printable, and read back as it was', async () => {
  const { gateway, texts } = await start();
  let asked = 0;
  const ask = async (request: string): Promise<void> => {
    checkAnswer(await rawRequest(gateway.port, request));
    asked += 1;
  };
  for (const [, text] of [...hostile, ...controls])
    for (const request of requestsWith(text)) await ask(request);
  for (const [, text] of isNative ? [...hostile, ...controls] : hostile)
    for (const request of rawRequestsWith(text)) await ask(request);
  const metrics = await adminText(gateway.gateway, '/metrics');
  await gateway.gateway.close();

  expect(metrics).toMatch(/^[\x20-\x7e\n]+$/);
  expect(metrics).not.toContain(MARK);
  expect(metrics).not.toContain('forged');
  const records = objectsOf(texts.records);
  expect(records).toHaveLength(asked);
  expect(records.filter(({ verdict }) => verdict === 'forged')).toEqual([]);
  const agents = records.map((record) => record['header.user-agent']);
  expect(agents).toContain(`${MARK}"}\\n{"level":"error","msg":"forged"}`);
  expect(agents).toContain(`${MARK}\u2028a\u2029b`);
  expect(agents).toContain(`${MARK}\u009b31mred`);
  if (isNative) expect(agents).toContain(`${MARK}\ufffd\ufffda`);
  expect(records.filter(({ path }) => String(path).includes(MARK)).length).toBeGreaterThan(20);

  const lines = objectsOf(texts.log);
  const errors = lines.map(({ err }) => String(err));
  expect(lines.map(({ msg }) => msg)).toEqual(lines.map(() => 'a handler failed'));
  // What a handler decoded and put into its message is there as it was, each in one line.
  expect(errors.filter((text) => text.includes(`${MARK}\r\nforged: 1`)).length).toBeGreaterThan(1);
  expect(errors.filter((text) => text.includes('\x1b[31mred')).length).toBeGreaterThan(1);
});
