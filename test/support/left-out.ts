// Prints at the end of a run which tests did not run for which listener, and why.
import type { Reporter, TestModule } from 'vitest/node';
import { once, only } from './listeners.ts';

export default class LeftOut implements Reporter {
  readonly #missing: readonly string[];

  /** `missing`: sentences about listeners that do not run at all. */
  constructor(missing: readonly string[] = []) {
    this.#missing = missing;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = [...this.#missing];
    for (const [file, reason] of Object.entries(once)) lines.push(`${file}: once: ${reason}`);
    for (const [file, { listeners, reason }] of Object.entries(only))
      lines.push(`${file}: only ${listeners.join(', ')}: ${reason}`);
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result();
        if (result.state === 'skipped' && result.note !== undefined)
          lines.push(`${test.fullName}: ${result.note}`);
      }
    }
    process.stdout.write(`\nleft out:\n${lines.map((line) => `  ${line}\n`).join('')}`);
  }
}
