// The public types of the package; those of the addon are not part of it.
export * from './dist/index.js';
