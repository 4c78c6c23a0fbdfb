// Refresh tokens: their form, what is kept of them, and what whoever holds which part of one can do.
import { createHash } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import {
  firstToken,
  isSessionId,
  parseRefreshToken,
  seal,
  subjectTag,
  successorOf,
  tagOf,
  unseal,
} from '../../src/auth/refresh-token.ts';

describe('a refresh token', () => {
  const token = firstToken('ada');

  it('is read as what was made', () => {
    expect(token.text).toMatch(/^fgr_[\w-]{87}$/);
    expect(parseRefreshToken(token.text)).toEqual(token);
    expect(isSessionId(token.session)).toBe(true);
    expect(tagOf(token.session)).toBe(subjectTag('ada'));
  });

  it('is kept as its SHA-256', () => {
    expect(token.hash).toBe(createHash('sha256').update(token.text).digest('base64url'));
  });

  it('belongs to the same session as its successors, and shares no secret with them', () => {
    const next = successorOf(token);
    expect(next.session).toBe(token.session);
    expect(parseRefreshToken(next.text)).toEqual(next);
    expect(next.text.slice(-43)).not.toBe(token.text.slice(-43));
    expect(next.hash).not.toBe(token.hash);
  });

  it('shows neither the subject nor the series in the id of its session', () => {
    const [tag, series] = [token.text.slice(4, 26), token.text.slice(26, 48)];
    expect(token.session.startsWith(tag)).toBe(true);
    expect(token.session).not.toContain(series);
    expect(token.session).not.toContain('ada');
  });

  it('is another each time', () => {
    const made = Array.from({ length: 200 }, () => firstToken('ada'));
    expect(new Set(made.map(({ text }) => text)).size).toBe(200);
    expect(new Set(made.map(({ session }) => session)).size).toBe(200);
  });
});

test.each([
  ['nothing', ''],
  ['another prefix', firstToken('ada').text.replace('fgr_', 'fgx_')],
  ['a character less', firstToken('ada').text.slice(0, -1)],
  ['a character more', `${firstToken('ada').text}A`],
  ['a line end', `${firstToken('ada').text}\n`],
  ['padding', `${firstToken('ada').text.slice(0, -1)}=`],
  ['bits after the last byte', `${firstToken('ada').text.slice(0, -1)}B`],
  ['the other alphabet', `fgr_+${firstToken('ada').text.slice(5)}`],
  ['a session', firstToken('ada').session],
])('no refresh token: %s', (_, text) => {
  expect(parseRefreshToken(text)).toBeNull();
});

describe('a sealed successor', () => {
  const token = firstToken('ada');
  const next = successorOf(token);
  const sealed = seal(next, token);

  it('is read by the token that it was sealed for, and holds nothing of the successor in the clear', () => {
    expect(unseal(sealed, token)).toEqual(next);
    expect(sealed).not.toContain(next.text.slice(-43, -30));
  });

  it.each([
    ['another token of the session', () => unseal(sealed, next)],
    ['another token', () => unseal(sealed, firstToken('ada'))],
    ['a changed byte', () => unseal(`${sealed.startsWith('A') ? 'B' : 'A'}${sealed.slice(1)}`, token)],
    ['a shorter text', () => unseal(sealed.slice(0, -4), token)],
    ['nothing', () => unseal('', token)],
  ])('is read by nobody else: %s', (_, read) => {
    expect(read()).toBeNull();
  });
});
