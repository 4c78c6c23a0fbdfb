#!/usr/bin/env node
// The executable: gives the commands this process and the real gateway; it holds no logic of its own.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createGateway } from '../index.ts';
import { readConfigFile } from '../source/file.ts';
import { run } from './program.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// Who reads the output may go away; that ends no gateway.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const code = await run(process.argv.slice(2), {
  version,
  cores: availableParallelism(),
  folder: process.cwd(),
  createGateway,
  readConfigFile,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  records: process.stderr,
  signals: process,
  exit: (status) => process.exit(status),
});
// Not exitCode: idle keep-alive sockets and key-set timers of a closed gateway are no reason to stay. Output is
// flushed first, since a pipe may still hold some of it.
process.stdout.write('', () => process.exit(code));
