// A client that sends many requests at once and reads late gets every answer whole and in order, however full its connection was.
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { RawClient, requestText } from '../support/raw.ts';
import { until } from '../support/until.ts';

const count = 300;
const body = (at: number): string => `${at}:`.padEnd(60_000 + at, 'abcdefghij');

it('pipelined answers are whole', async () => {
  let asked = 0;
  const { port } = await startGateway({}, (gateway) => {
    gateway.get('/:at', ({ params }) => {
      asked += 1;
      return body(Number(params.at));
    });
  });
  const client = await RawClient.connect(port);
  client.socket.pause();
  for (let at = 0; at < count; at += 1) client.send(requestText('GET', `/${at}`));
  await until('the connection to be full', async () => {
    const before = asked;
    await setTimeout(100);
    return asked > 0 && asked === before;
  });
  client.socket.resume();
  for (let at = 0; at < count; at += 1) {
    const answer = await client.answer();
    expect([at, answer.status, answer.complete]).toEqual([at, 200, true]);
    expect(answer.body.toString('latin1') === body(at)).toBe(true);
  }
});
