// A real server whose answers come whole, in halves, or not at all, and what answer.js makes of each.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

const { dataOf, inTurn, textOf } = await import(process.argv[2]);
let late; // the answer that is held back
const server = createServer((request, response) => {
  if (request.url === "/late") return void (late = response);
  if (request.url === "/whole") return response.end('{"days": 3}');
  if (request.url === "/away") return response.writeHead(302, { Location: "/whole" }).end();
  if (request.url === "/half") return response.write("half of");
  if (request.url === "/broken") return response.end("{");
  return response.writeHead(503).end("not now");
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const at = `http://127.0.0.1:${server.address().port}`;

assert.equal(await textOf(`${at}/whole`), '{"days": 3}');
assert.deepEqual(await dataOf(`${at}/whole`), { days: 3 });
assert.equal(await textOf(`${at}/away`), null);
assert.equal(await textOf(`${at}/refused`), null);
assert.equal(await dataOf(`${at}/broken`), null);

const early = new AbortController();
early.abort();
assert.equal(await textOf(`${at}/whole`, { signal: early.signal }), null);

const asking = new AbortController();
const real = globalThis.fetch;
globalThis.fetch = async (...given) => {
  const answer = await real(...given);
  setImmediate(() => asking.abort()); // its head is here, its body is not
  return answer;
};
assert.equal(await textOf(`${at}/half`, { signal: asking.signal }), null);
globalThis.fetch = real;

const ask = inTurn();
const first = ask(`${at}/late`);
while (!late) await new Promise(setImmediate);
assert.deepEqual(await ask(`${at}/whole`), { days: 3 });
late.end('{"days": 2}');
assert.equal(await first, null); // it is overtaken
assert.equal(await ask(`${at}/refused`), null);
assert.deepEqual(await ask(`${at}/whole`), { days: 3 });

server.closeAllConnections();
server.close();
await once(server, "close");
assert.equal(await textOf(`${at}/whole`), null);
process.stdout.write("ok\n");
