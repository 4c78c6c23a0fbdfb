// Events of a gateway: whoever listens and fails is told of in the log, and nobody else notices.
import { describe, expect, it, vi } from 'vitest';
import { Announcer } from '../src/announcer.ts';
import { heard } from './support/gateway.ts';

class Open extends Announcer {
  tell(generation: number): void {
    this.announce('reload', { generation, warnings: [] });
  }
  fail(error: Error): void {
    this.report(error);
  }
}

const failures: [name: string, listener: () => unknown][] = [
  [
    'throws',
    () => {
      throw new Error('oops');
    },
  ],
  ['rejects', () => Promise.reject(new Error('oops'))],
  [
    'throws what cannot be shown',
    () => {
      throw Object.create(null);
    },
  ],
];

describe('a listener that fails', () => {
  it.each(failures)('%s: the others are told, and it is logged', async (_, listener) => {
    const log = heard();
    const announcer = new Open(() => {}, log);
    const told: string[] = [];
    announcer.once('reload', listener).on('reload', ({ generation }) => told.push(`reload ${generation}`));
    announcer.on('error', listener).on('error', ({ message }) => told.push(message));
    announcer.tell(1);
    announcer.tell(2);
    announcer.fail(new Error('met'));
    await Promise.resolve();
    expect(told).toEqual(['reload 1', 'reload 2', 'met']);
    expect(log.lines.map(({ level, fields }) => [level, fields['event']])).toEqual([
      ['error', 'reload'],
      ['error', 'error'],
    ]);
  });

  it('and a logger that throws: nothing comes of it', () => {
    const oops = (): never => {
      throw new Error('oops');
    };
    const announcer = new Open(() => {}, { info: oops, warn: oops, error: oops });
    announcer.on('reload', oops);
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    announcer.tell(1);
    announcer.fail(new Error('met'));
    expect(write).toHaveBeenCalledTimes(2);
    write.mockRestore();
  });
});
