// What stands in front of nodes in many places: a proxy with a prefix in the path. It passes everything on, streams too.
import { createServer, request as ask } from "node:http";

export function startProxy(target, prefix) {
  const server = createServer((request, response) => {
    if (!request.url.startsWith(`${prefix}/`)) { response.writeHead(404).end("not behind this prefix"); return; }
    const url = new URL(request.url.slice(prefix.length), target);
    const onward = ask(url, { method: request.method, headers: { ...request.headers, host: url.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => { if (!response.headersSent) response.writeHead(502).end(); else response.destroy(); });
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ url: `http://127.0.0.1:${server.address().port}${prefix}`, close: () => { server.closeAllConnections(); server.close(); } })));
}
