// Inside a network namespace of a test: a name server on 127.0.0.1:53 whose answers the test changes, and verification
// servers. Lines of JSON on standard input: {"addresses":[…]} is what every name has from now on. Lines on standard output:
// "ready", {"asked":NAME} for each question, {"reached":ADDRESS} for each request. Ends with its standard input.
import dgram from 'node:dgram';
import http from 'node:http';
import { createInterface } from 'node:readline';

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const [port, ...listen] = process.argv.slice(2);
let addresses = [];

/** A DNS answer (RFC 1035) of A records without a life, to a query with one question. */
function answered(query) {
  let end = 12;
  const labels = [];
  while (query[end] !== 0) {
    labels.push(query.subarray(end + 1, end + 1 + query[end]).toString());
    end += query[end] + 1;
  }
  const type = query.readUInt16BE(end + 1);
  const question = query.subarray(12, end + 5);
  const given = type === 1 ? addresses : [];
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(given.length, 6);
  const records = given.map((address) => Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]));
  if (type === 1) say({ asked: labels.join('.') });
  return Buffer.concat([header, question, ...records]);
}

const dns = dgram.createSocket('udp4');
dns.on('message', (query, from) => dns.send(answered(query), from.port, from.address));
await new Promise((ready) => dns.bind(53, '127.0.0.1', ready));
for (const address of listen) {
  const server = http.createServer((_request, response) => {
    say({ reached: address });
    // Closed after each answer, so that every call resolves anew.
    response.writeHead(200, { 'Content-Type': 'application/json', Connection: 'close' });
    response.end('{"id":"ann"}');
  });
  await new Promise((ready) => server.listen(Number(port), address, ready));
}
createInterface({ input: process.stdin })
  .on('line', (line) => {
    ({ addresses } = JSON.parse(line));
    say({ set: addresses });
  })
  .on('close', () => process.exit(0));
say('ready');
