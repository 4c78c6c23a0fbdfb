// Whether a target does its job, before it is measured.
import { request } from 'node:http';

/** Returns what was seen; throws when a target answers wrongly. `paths` maps each path to the body it must have. */
export async function checkTarget({ port, token, forged, policies, paths }) {
  for (const [path, body] of paths) {
    const good = await get(port, path, token);
    if (good.status !== 200 || good.body !== body) {
      throw new Error(`${path} with a token gives ${good.status} and ${good.body.length} bytes`);
    }
  }
  const [path] = paths[0];
  const without = (await get(port, path)).status;
  const bad = (await get(port, path, forged)).status;
  const wanted = policies ? 401 : 200;
  if (without !== wanted || bad !== wanted) throw new Error(`no token gives ${without}, a forged one ${bad}`);
  return `200 with a token, ${without} without, ${bad} with a forged one`;
}

function get(port, path, token) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, headers, agent: false, timeout: 5000 },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text) => {
          body += text;
        });
        answer.once('error', reject).once('end', () => resolve({ status: answer.statusCode, body }));
      },
    );
    sent.once('timeout', () => sent.destroy(new Error(`no answer for ${path}`)));
    sent.once('error', reject).end();
  });
}
