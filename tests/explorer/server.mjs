// A server of files on the loopback interface.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };

function rangeOf(header, size) {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header ?? '') ?? [];
  return first === undefined ? undefined : [Number(first), Math.min(Number(last), size - 1)];
}

/**
 * Serves folders: `folders` maps the first part of a path to { folder, ranges }, or to { behind }, the address of a
 * server that stands behind this one. Gives the server's address, the requests it had, and a function that ends it.
 */
export async function serve(folders) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const parts = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).split('/').slice(1);
    const { folder, ranges, behind } = folders[parts[0]] ?? {};
    if (behind) {
      const { host, ...headers } = request.headers;
      const passed = { method: request.method, headers };
      request.pipe(http.request(`${behind}${parts.slice(1).join('/')}`, passed, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }));
      return;
    }
    const file = folder && path.join(folder, ...parts.slice(1).filter((part) => part !== '..'));
    const found = file && fs.statSync(file, { throwIfNoEntry: false });
    requests.push({ method: request.method, path: parts.join('/'), range: request.headers.range });
    if (!found?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const headers = { 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream' };
    headers['Last-Modified'] = found.mtime.toUTCString();
    const range = ranges ? rangeOf(request.headers.range, found.size) : undefined;
    if (ranges) {
      headers['Accept-Ranges'] = 'bytes';
    }
    if (range) {
      headers['Content-Range'] = `bytes ${range[0]}-${range[1]}/${found.size}`;
    }
    const content = fs.readFileSync(file).subarray(range?.[0] ?? 0, (range?.[1] ?? found.size) + 1);
    response.writeHead(range ? 206 : 200, { ...headers, 'Content-Length': content.length });
    response.end(request.method === 'HEAD' ? undefined : content);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const end = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { address: `http://127.0.0.1:${server.address().port}`, requests, end };
}
