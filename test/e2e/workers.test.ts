// Handlers in several Node environments: requests spread over them, a worker that dies is replaced, and all have the same routes.
import { BroadcastChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayConfig } from '../../src/index.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { handlerModule, type Said } from '../support/handler-modules.ts';
import { signingKey, startIssuer } from '../support/issuer.ts';
import { until } from '../support/until.ts';

/** Listens to the environments of the module `held`, and tells them what to do. */
function environments() {
  const channel = new BroadcastChannel('ferrogate-handlers');
  const heard: Said[] = [];
  channel.onmessage = (message) => void heard.push((message as { data: Said }).data);
  onTestFinished(() => channel.close());
  return { heard, order: (order: string, thread?: number) => channel.postMessage({ order, thread }) };
}

interface Served extends TestGateway {
  readonly url: string;
}

async function start(threads: number | 'loop', more: GatewayConfig = {}, module = 'held'): Promise<Served> {
  const handlers = handlerModule(module);
  const made = makeGateway({ ...more, listen: { listener: 'native', threads, workers: 3, handlers } });
  const { url } = await made.gateway.listen({ port: 0 });
  return Object.assign(made, { url });
}

const distinct = (said: readonly Said[]): number[] => [...new Set(said.map(({ thread }) => thread))].sort();

/** Sends GETs until `count` are held at the same time. */
async function hold({ url }: Served, heard: Said[], count: number) {
  const before = heard.length;
  const answers = Array.from({ length: count }, () => fetch(`${url}/hold`));
  const said = (): Said[] => heard.slice(before).filter((one) => typeof one.said === 'number');
  await until('requests that are held', () => said().length === count);
  return { answers, held: said() };
}

describe.each([2, 'loop'] as const)('with threads %s', (threads) => {
  it('spreads requests over the environments', async () => {
    const { heard, order } = environments();
    const gateway = await start(threads);
    const { answers, held } = await hold(gateway, heard, 6);
    expect(distinct(held)).toHaveLength(3);
    const shares = distinct(held).map((thread) => held.filter((one) => one.thread === thread).length);
    // The environment that has the connections gives away what another has clearly fewer of.
    expect(shares.sort()).toEqual(threads === 'loop' ? [1, 2, 3] : [2, 2, 2]);
    order('release');
    const threadsOf = await Promise.all(
      answers.map(async (answer) => ((await (await answer).json()) as { thread: number }).thread),
    );
    expect(threadsOf.sort()).toEqual(held.map(({ thread }) => thread).sort());
  });

  it('takes and gives bodies', async () => {
    const { url } = await start(threads);
    const sent = 'abcdefgh'.repeat(250_000);
    const upper = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const answer = await fetch(`${url}/api/upper`, { method: 'POST', body: sent });
        return (await answer.text()) === sent.toUpperCase();
      }),
    );
    const streamed = await Promise.all(
      Array.from({ length: 6 }, async () => (await (await fetch(`${url}/api/stream`)).text()).length),
    );
    expect([new Set(upper), new Set(streamed)]).toEqual([new Set([true]), new Set([64 * 16_384])]);
  });

  it('tells handlers that the client went away', async () => {
    const { heard } = environments();
    const { url } = await start(threads);
    const leave = new AbortController();
    const left = Array.from({ length: 6 }, () =>
      fetch(`${url}/never`, { signal: leave.signal }).catch((error: Error) => error.name),
    );
    const said = (what: string): Said[] => heard.filter((one) => one.said === what);
    await until('requests that are held', () => said('never').length === 6);
    leave.abort();
    expect(new Set(await Promise.all(left))).toEqual(new Set(['AbortError']));
    await until('aborts', () => said('aborted').length === 6);
    expect(distinct(said('aborted'))).toEqual(distinct(said('never')));
    expect(distinct(said('aborted'))).toHaveLength(3);
  });

  it.each(['exit', 'throw'])('replaces a worker that dies by %s; only what it had is lost', async (death) => {
    const { heard, order } = environments();
    const gateway = await start(threads);
    const errors: Error[] = [];
    gateway.gateway.on('error', (error) => void errors.push(error));
    const { answers, held } = await hold(gateway, heard, 6);
    const victim = Math.max(...distinct(held));
    const lost = held.filter(({ thread }) => thread === victim).length;
    order(death, victim);
    await until('the end of the worker', () => errors.length > 0);
    order('release');
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(lost);
    await gateway.record(({ status, verdict }) => status === 503 && verdict === 'handler_lost');
    expect(statuses.filter((status) => status === 200)).toHaveLength(6 - lost);
    expect(errors).toEqual([
      expect.objectContaining({
        code: 'ERR_FG_WORKER_ENDED',
        message: expect.stringMatching(death === 'exit' ? /exited with 9/ : /on purpose/),
      }),
    ]);
    await until('another worker', async () => {
      const again = await hold(gateway, heard, 6);
      order('release');
      await Promise.all(again.answers);
      const now = distinct(again.held);
      return now.length === 3 && !now.includes(victim);
    });
  });

  it('under load answers every request, with 503 at most where a worker died', async () => {
    const { heard, order } = environments();
    const gateway = await start(threads);
    const statuses: Record<number, number> = {};
    let isOver = false;
    const lane = async (): Promise<void> => {
      while (!isOver) {
        const answer = await fetch(`${gateway.url}/thread`);
        await answer.arrayBuffer();
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      }
    };
    const lanes = Array.from({ length: 8 }, lane);
    const deaths = 3;
    for (let death = 0; death < deaths; death += 1) {
      const alive = (): number[] =>
        heard.filter(({ said }) => said === 'started').map(({ thread }) => thread);
      const ended = (): number => heard.filter(({ said }) => said === 'ended').length;
      await until('workers', () => alive().length === 2 + death);
      order('exit', alive().at(-1) as number);
      await until('the end of a worker', () => ended() === death + 1);
    }
    await until(
      'the last worker',
      () => heard.filter(({ said }) => said === 'started').length === 2 + deaths,
    );
    isOver = true;
    await Promise.all(lanes);
    const { 200: served = 0, 503: lost = 0, ...other } = statuses;
    expect(other).toEqual({});
    expect(served).toBeGreaterThan(100);
    expect(lost).toBeLessThanOrEqual(8 * deaths);
  });

  it('fetches keys that only a token of a connection elsewhere asks for', async () => {
    const issuer = await startIssuer();
    const main = { issuer: issuer.issuer, audience: ['test'], jwks: issuer.jwksUrl, refreshCooldown: '1s' };
    const { url, gateway } = await start(threads, { issuers: { main } }, 'claims');
    await until('keys', () => gateway.ready().ready);
    const next = signingKey('next');
    issuer.keys = [signingKey('main'), next];
    const authorization = `Bearer ${issuer.token({}, { key: next })}`;
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => fetch(`${url}/user`, { headers: { authorization } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(new Array(6).fill(200));
  });

  it('logs what handlers throw, with the worker beside it', async () => {
    const { url, lines } = await start(threads);
    const { level, message, fields } = await until('a line of a worker', async () => {
      const statuses = await Promise.all(
        Array.from({ length: 6 }, async () => (await fetch(`${url}/throw`)).status),
      );
      expect(new Set(statuses)).toEqual(new Set([500]));
      return lines.find((line) => line.fields['worker'] === 'worker 1');
    });
    expect([level, message, fields['route']]).toEqual(['error', 'a handler failed', 'GET /throw']);
    expect(fields['err']).toEqual(new Error('on purpose'));
  });

  it('tells workers of a reload, and ends them when it closes', async () => {
    const { heard } = environments();
    const { url, gateway } = await start(threads);
    const codes = (): Promise<string[][]> =>
      Promise.all(
        Array.from({ length: 9 }, async () => {
          const answer = await fetch(`${url}/api/json`, { method: 'POST', body: '{' });
          return Object.keys((await answer.json()) as object);
        }),
      );
    expect(new Set((await codes()).map((keys) => keys.includes('type')))).toEqual(new Set([true]));
    await gateway.reload({ errors: { format: 'envelope' } });
    await until('the other form everywhere', async () =>
      (await codes()).every((keys) => !keys.includes('type')),
    );
    await gateway.close();
    await until('the end of both workers', () => heard.filter(({ said }) => said === 'ended').length === 2);
  });
});
