// One HTTP request to chatd, over TCP or the admin socket: status, headers, and the body as JSON where it is JSON.
import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
const REQUEST_MS = 60_000;

/**
 * target: { socketPath } or { host, port }. options: token (Bearer), headers, body (an object becomes JSON; a string or Buffer
 * goes as it is). Answer: { status, headers, body, text }.
 */
export function request(target, method, path, { token, headers = {}, body, localAddress } = {}) {
  const sent = { ...headers };
  if (token !== undefined) sent.Authorization = `Bearer ${token}`;
  let bytes;
  if (body !== undefined) {
    bytes = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
    sent['Content-Type'] ??= 'application/json';
    sent['Content-Length'] = bytes.length;
  }
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ ...target, agent, method, path, headers: sent, localAddress }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        const isJson = /^application\/(.+\+)?json\b/.test(response.headers['content-type'] ?? '');
        resolve({ status: response.statusCode, headers: response.headers, text, body: isJson && text ? JSON.parse(text) : undefined });
      });
    });
    outgoing.setTimeout(REQUEST_MS, () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)));
    outgoing.on('error', reject);
    outgoing.end(bytes);
  });
}
