// An app's own token service, as tokenVerificationUrl calls it: GET with the token as Bearer. It does what the test tells it to.
import http from 'node:http';

export class VerifierServer {
  static async start() {
    const server = new VerifierServer();
    server.requests = []; // { method, authorization, url }
    server.answer = () => ({ status: 404 });
    server.hanging = new Set();
    server.http = http.createServer((request, response) => {
      const authorization = request.headers.authorization ?? '';
      server.requests.push({ method: request.method, authorization, url: request.url });
      const answer = server.answer(authorization.replace(/^Bearer /, ''));
      if (answer === 'hang') {
        server.hanging.add(response);
        return;
      }
      if (answer === 'reset') {
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}));
    });
    await new Promise((ready) => server.http.listen(0, '127.0.0.1', ready));
    return server;
  }

  get url() { return `http://127.0.0.1:${this.http.address().port}/verify`; }

  /** How often a token has been asked for. */
  askedFor(token) { return this.requests.filter((request) => request.authorization === `Bearer ${token}`).length; }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }
}
