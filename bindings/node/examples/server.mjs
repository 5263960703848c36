// An HTTP server for objects: `node server.mjs FOLDER [PORT]`.
//
//     curl --data-binary @photo.jpg http://localhost:8080/    stores the file, and prints its ID
//     curl http://localhost:8080/ID                           gives it back; ranges, ETags and HEAD work
//
// Bodies are streamed both ways: memory does not grow with the size of an object.

import { createServer } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';

import { NoContainerError, NotFoundError, create, open } from 'loosepack';

const GIB = 2 ** 30;

/** Passes on at most so many bytes. */
function limit(most) {
  let passed = 0;
  return new Transform({
    transform(chunk, encoding, callback) {
      passed += chunk.length;
      callback(passed > most ? Object.assign(new Error('the body is too large'), { status: 413 }) : null, chunk);
    },
  });
}

/** The one range that a request asks for: undefined for the whole, null when there is none such. */
function rangeOf(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || match[0] === 'bytes=-') {
    // Several ranges, or another unit: the whole is a right answer.
    return undefined;
  }
  const [, first, last] = match;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) {
    return undefined;
  }
  return start < size && end >= start ? { start, end } : null;
}

function answer(response, status, text, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

async function post(store, request, response, most) {
  if (Number(request.headers['content-length'] ?? 0) > most) {
    request.resume();
    return answer(response, 413, 'the body is too large\n', { Connection: 'close' });
  }
  const object = store.createWriteStream();
  await pipeline(request, limit(most), object);
  return answer(response, 201, `${object.id}\n`, { Location: `/${object.id}` });
}

async function get(store, id, request, response) {
  const { size } = store.info(id);
  const headers = {
    'Accept-Ranges': 'bytes',
    // An object never changes.
    'Cache-Control': 'public, max-age=31536000, immutable',
    'Content-Type': 'application/octet-stream',
    ETag: `"${id}"`,
  };
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(headers.ETag) || known.includes('*')) {
    response.writeHead(304, headers);
    return response.end();
  }
  const isCurrent = [undefined, headers.ETag].includes(request.headers['if-range']);
  const range = isCurrent ? rangeOf(request.headers.range, size) : undefined;
  if (range === null) {
    return answer(response, 416, 'there is no such range\n', { 'Content-Range': `bytes */${size}` });
  }
  if (range !== undefined) {
    headers['Content-Range'] = `bytes ${range.start}-${range.end}/${size}`;
  }
  headers['Content-Length'] = range === undefined ? size : range.end - range.start + 1;
  response.writeHead(range === undefined ? 200 : 206, headers);
  if (request.method === 'HEAD') {
    return response.end();
  }
  return pipeline(store.createReadStream(id, range), response);
}

async function handle(store, request, response, most) {
  const { pathname } = new URL(request.url, 'http://localhost');
  const id = pathname.slice(1);
  if (request.method === 'POST' && id === '') {
    return post(store, request, response, most);
  }
  if (!['GET', 'HEAD'].includes(request.method)) {
    return answer(response, 405, 'GET, HEAD or POST\n', { Allow: 'GET, HEAD, POST' });
  }
  return get(store, id, request, response);
}

/** A server for the objects of a container. `most`: the most bytes of an upload. */
export function serve(store, { most = GIB } = {}) {
  return createServer(async (request, response) => {
    try {
      await handle(store, request, response, most);
    } catch (error) {
      if (response.headersSent || response.destroyed) {
        // The client is gone, or gets a body that ends too early: it is never told that a damaged object is whole.
        response.destroy();
      } else if (error instanceof NotFoundError || error.code === 'invalid-id') {
        answer(response, 404, 'there is no such object\n');
      } else {
        answer(response, error.status ?? 500, `${error.message}\n`, { Connection: 'close' });
      }
    }
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder = 'store', port = '8080'] = process.argv.slice(2);
  let store;
  try {
    store = open(folder);
  } catch (error) {
    if (!(error instanceof NoContainerError)) {
      throw error;
    }
    store = create(folder);
  }
  const server = serve(store).listen(Number(port), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}/`);
  });
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      server.close(() => store.close());
      server.closeAllConnections();
    });
  }
}
