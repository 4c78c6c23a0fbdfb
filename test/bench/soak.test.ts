// The soak runs: a few seconds of its whole traffic against each listener, without a wrong answer or an unexplained reset.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { needs, tested } from '../support/listeners.ts';

interface Report {
  readonly faults: readonly string[];
  readonly book: { readonly answers: number; readonly kinds: Record<string, unknown> };
  readonly reloads: number;
}

const program = fileURLToPath(new URL('../../bench/soak/run.mjs', import.meta.url));

/** How the run ended and what it wrote; an exit code that is not 0 is told by the report. */
function soak(listener: string, folder: string): Promise<{ code: number; errors: string }> {
  const args = [program, '--secs', '5', '--seed', '1', '--listener', listener, '--out', folder];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { maxBuffer: 2 ** 26 }, (error, _, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), errors });
    });
    onTestFinished(() => void child.kill('SIGTERM'));
  });
}

test.for(tested)('five seconds of %s', { timeout: 180_000 }, async (listener, context) => {
  needs(context, listener);
  const folder = mkdtempSync(join(tmpdir(), 'ferrogate-soak-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { code, errors } = await soak(listener, folder);
  expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
  const report = JSON.parse(readFileSync(join(folder, `soak-${listener}.json`), 'utf8')) as Report;
  expect(report.faults).toEqual([]);
  expect(report.reloads).toBeGreaterThan(0);
  expect(report.book.answers).toBeGreaterThan(100);
  expect(Object.keys(report.book.kinds).length).toBeGreaterThan(40);
});
