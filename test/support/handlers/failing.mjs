// A module of handlers whose function fails.
export default () => {
  throw new Error('no database here');
};
