// Worker threads whose gateway does not listen can be killed at any time, also while requests run through their engine.
import { expect, it } from 'vitest';
import { runChild } from '../support/children.ts';

it('worker threads killed 100 times under load take nothing with them', async () => {
  const { code, signal, errors, message } = await runChild('kill-workers', { kills: 100 });
  expect({ code, signal, errors }).toEqual({ code: 0, signal: null, errors: '' });
  expect(message).toMatchObject({ alive: 'up' });
}, 120_000);
