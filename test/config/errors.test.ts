import { describe, expect, it } from 'vitest';
import { errorKinds, GatewayError, invalidConfig } from '../../src/errors.ts';

describe('GatewayError', () => {
  it.each(Object.entries(errorKinds))('%s says who is to blame and what to answer', (code, kind) => {
    expect(code).toMatch(/^ERR_FG_[A-Z]+(?:_[A-Z]+)*$/);
    expect(kind.status).toBeGreaterThanOrEqual(400);
    const error = new GatewayError(code as keyof typeof errorKinds, 'what happened');
    expect(error).toMatchObject({ name: 'GatewayError', code, message: 'what happened', ...kind });
    expect('issues' in error).toBe(false);
    expect('cause' in error).toBe(false);
  });

  it('carries its cause and its issues', () => {
    const cause = new Error('below');
    expect(new GatewayError('ERR_FG_CLOSED', 'closed', { cause }).cause).toBe(cause);
    const issues = [
      { path: 'routes[0].id', message: 'expected a' },
      { path: '', message: 'expected b' },
    ];
    const error = invalidConfig(issues);
    expect(error.message).toBe('routes[0].id: expected a\nexpected b');
    expect(error.issues).toEqual(issues);
  });
});
