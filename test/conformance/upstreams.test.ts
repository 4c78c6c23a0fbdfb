// Upstreams that break the rules, one case each: the client gets 502 or an answer that is seen to be broken, that connection is never used again, and the next client gets its own answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGateway, type Gateway } from '../../src/index.ts';
import { underTest } from '../support/listeners.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { bodies, followed } from './upstreams/bodies.ts';
import type { Outcome, UpstreamCase } from './upstreams/case.ts';
import { heads } from './upstreams/heads.ts';
import { type Origin, startOrigin } from './upstreams/origin.ts';

const tables: Readonly<Record<string, readonly UpstreamCase[]>> = { heads, bodies, followed };
const byTarget = new Map<string, UpstreamCase>();
const targets = new Map<UpstreamCase, string>();
for (const [table, cases] of Object.entries(tables)) {
  for (const [at, one] of cases.entries()) {
    byTarget.set(`/${table}/${at}`, one);
    targets.set(one, `/${table}/${at}`);
  }
}

let origin: Origin;
let gateway: Gateway;
let port: number;
let marks = 0;

beforeAll(async () => {
  origin = await startOrigin(byTarget);
  // One connection at a time: whoever comes next would get what the one before left behind.
  const upstream = { targets: [origin.url], maxConnections: 1, connectTimeout: '5s' };
  gateway = createGateway(
    {
      upstreams: { back: upstream },
      routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
    },
    { logger: silent, records: silent },
  );
  ({ port } = await gateway.listen({ port: 0, admin: false, ...underTest }));
});
afterAll(async () => {
  await gateway.close({ timeoutMs: 0 });
  await origin.close();
});

const ignore = (): void => {};
const silent = { info: ignore, warn: ignore, error: ignore };

/** What came of a request: an answer of the gateway by its code, or of the upstream, whole or not. */
async function outcomeOf(method: string, target: string): Promise<Outcome> {
  const client = await RawClient.connect(port);
  const answer = await client
    .send(requestText(method, target))
    .answer({ head: method === 'HEAD' })
    .catch(() => null);
  client.socket.destroy();
  if (answer === null || !answer.complete) return 'broken';
  const body = answer.body.toString('latin1');
  if (answer.status !== 502) {
    if (answer.status === 204) expect(answer.header('content-length')).toBeUndefined();
    return { status: answer.status, body };
  }
  expect(answer.header('content-type')).toBe('application/problem+json');
  return (JSON.parse(body) as { code: Outcome }).code;
}

/** The next client gets its own answer, over a connection that did not carry `target`. */
async function nextGetsItsOwn(target: string): Promise<void> {
  marks += 1;
  const mark = `/mark/${marks}`;
  expect(await outcomeOf('GET', mark)).toEqual({ status: 200, body: mark });
  expect(origin.carried(mark)?.targets).not.toContain(target);
}

describe.each(Object.keys(tables))('%s', (table) => {
  test.each(tables[table]?.map((one) => [one.name, one] as const) ?? [])('%s', async (_, one) => {
    const target = targets.get(one) ?? '';
    expect(await outcomeOf(one.method ?? 'GET', target)).toEqual(one.outcome);
    const carried = origin.carried(target);
    if (one.late !== undefined) await carried?.say(one.late);
    await nextGetsItsOwn(target);
    await until('its connection to be closed', () => carried?.isClosed);
    expect(carried?.targets.at(-1)).toBe(target);
  });
});

test('a connection whose answers are sound is used again', async () => {
  for (const mark of ['/mark/a', '/mark/b'])
    expect(await outcomeOf('GET', mark)).toMatchObject({ body: mark });
  expect(origin.carried('/mark/b')?.targets).toEqual(expect.arrayContaining(['/mark/a', '/mark/b']));
});
