// A gateway that was handed over ends like one that was signalled, and says so; a first signal then changes nothing.
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { untilSignalled } from '../../src/cli/signals.ts';
import { gate } from '../support/until.ts';

it.each([
  ['handed over', true],
  ['signalled', false],
])('%s', async (_name, isHandedOver) => {
  const signals = new EventEmitter();
  const [handed, stopped, began] = [gate(), gate(), gate<boolean>()];
  const exits: number[] = [];
  const ended = untilSignalled(
    { signals, exit: (code) => void exits.push(code) },
    {
      stop: (handedOver) => {
        began.open(handedOver);
        return stopped.opened;
      },
      reload: async () => {},
      handedOver: handed.opened,
    },
  );
  if (isHandedOver) handed.open();
  else signals.emit('SIGTERM', 'SIGTERM');
  expect(await began.opened).toBe(isHandedOver);
  signals.emit('SIGTERM', 'SIGTERM');
  expect(exits).toEqual(isHandedOver ? [] : [143]);
  stopped.open();
  await ended;
  expect(signals.eventNames()).toEqual([]);
});
