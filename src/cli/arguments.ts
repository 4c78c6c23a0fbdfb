// Parses single arguments of the command line; digits are read as digits, nothing is corrected.
import { InvalidArgumentError } from 'commander';

/** A port, 0 to 65535. */
export function parsePort(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('expected a port, 0 to 65535');
  return Number(text);
}

/** Adds `name: value` to the headers so far. */
export function parseHeader(text: string, before: readonly [string, string][] = []): [string, string][] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/.exec(text);
  if (match === null) throw new InvalidArgumentError("expected a header such as 'name: value'");
  const [, name = '', value = ''] = match;
  return [...before, [name, value.trim()]];
}

/** A request target or an absolute URL, kept to the letter: what `explain` is asked about must not be tidied up. */
export function parseRequestUrl(text: string): string {
  if (!/^(?:\/|https?:\/\/[^/?#])/i.test(text)) {
    throw new InvalidArgumentError('expected a path such as "/orders/7" or an http URL');
  }
  return text;
}
