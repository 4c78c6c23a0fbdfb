// The whole table; a further table is one more line here.
import type { Case } from '../case.ts';
import { answers } from './answers.ts';
import { chunked } from './chunked.ts';
import { connection } from './connection.ts';
import { fields } from './fields.ts';
import { forwarding } from './forwarding.ts';
import { framing } from './framing.ts';
import { host } from './host.ts';
import { paths } from './paths.ts';
import { requestLine } from './request-line.ts';

export const tables: Readonly<Record<string, readonly Case[]>> = {
  'request line': requestLine,
  host,
  fields,
  framing,
  chunked,
  connection,
  paths,
  answers,
  forwarding,
};

export const cases: readonly Case[] = Object.values(tables).flat();
