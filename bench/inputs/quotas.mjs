// The one source of benchmark quotas: large enough that nothing is ever refused, so that every take does its whole work.

/** A limit in the gateway's configuration form. */
export const openLimit = { rate: 1_000_000_000, per: '1s', burst: 1_000_000_000, key: 'client' };

/** The same for limiters that count in windows: points per duration in seconds, longer than a benchmark runs. */
export const openPoints = { points: 1_000_000_000, duration: 3600 };
