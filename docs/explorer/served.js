// A container that a web server gives out as files: a tree for filesystem.js. Files are read in ranges.
//
// HTTP has no directories. `files.txt` beside container.json, a path on each line, is the listing if there is one.
// Without it packs are found by asking for their numbers, and loose objects by their IDs only.

// Files up to this size are read whole when the server gives no ranges.
const WHOLE_MAX = 64 << 20;
// Numbers without a pack, in a row, after which no further pack is looked for: `repack` leaves gaps.
const GAP = 8;

const FOLDER = /^(loose(\/[0-9a-f]{2})?|incoming|packs|index|lock)?$/;

/** Asks the server, and waits for the answer. */
function ask(method, url, range) {
  const request = new XMLHttpRequest();
  request.open(method, url, false);
  request.responseType = 'arraybuffer';
  // A container changes: what a cache has may be old.
  request.setRequestHeader('Cache-Control', 'no-cache');
  if (range) {
    request.setRequestHeader('Range', `bytes=${range[0]}-${range[1]}`);
  }
  try {
    request.send();
  } catch {
    throw 'io';
  }
  return request;
}

function isAbsent({ status }) {
  return status === 404 || status === 410;
}

const body = (request) => new Uint8Array(request.response ?? new ArrayBuffer(0));

export class ServedFolder {
  #base;
  #listing;
  // Files that could only be had whole, by path.
  #whole = new Map();
  // What the server said last about each file.
  #known = new Map();

  /** `base`: the URL of the container's folder, with a slash at its end. */
  constructor(base) {
    this.#base = base;
    if (!this.look('container.json')) {
      throw new Error(`There is no container at ${base}: it has no container.json.`);
    }
    this.#listing = this.#readListing();
  }

  /** Whether the server has a listing of the files. */
  get isListed() {
    return this.#listing !== undefined;
  }

  look(path) {
    if (FOLDER.test(path)) {
      return { type: 'directory' };
    }
    const answer = ask('HEAD', this.#url(path));
    if (isAbsent(answer)) {
      this.#whole.delete(path);
      return undefined;
    }
    if (answer.status !== 200) {
      throw answer.status === 401 || answer.status === 403 ? 'access' : 'io';
    }
    const length = answer.getResponseHeader('Content-Length');
    const modified = Date.parse(answer.getResponseHeader('Last-Modified'));
    // The length of a response that the server compresses on its way is not the file's.
    const isPlain = length !== null && !answer.getResponseHeader('Content-Encoding');
    const ranges = answer.getResponseHeader('Accept-Ranges') === 'bytes';
    const entry = { type: 'file', size: Number(length), modified: modified || undefined, ranges };
    if (!isPlain || this.#known.get(path)?.size !== entry.size || this.#known.get(path)?.modified !== entry.modified) {
      this.#whole.delete(path);
    }
    if (!isPlain) {
      entry.size = this.#readWhole(path).length;
    }
    this.#known.set(path, entry);
    return entry;
  }

  list(path) {
    if (!FOLDER.test(path)) {
      throw 'not-directory';
    }
    if (this.#listing) {
      return this.#listing.get(path) ?? [];
    }
    if (path === 'packs') {
      return this.#probePacks();
    }
    return path === 'index' ? this.#namedIndexFiles() : [];
  }

  read(path, offset, length) {
    const whole = this.#whole.get(path);
    if (whole) {
      return whole.slice(offset, offset + length);
    }
    const { size, ranges } = this.#known.get(path) ?? {};
    if (length === 0 || offset >= size) {
      return new Uint8Array();
    }
    if (!ranges && size > WHOLE_MAX) {
      throw 'file-too-large';
    }
    const answer = ask('GET', this.#url(path), [offset, offset + length - 1]);
    if (answer.status === 206) {
      return body(answer).subarray(0, length);
    }
    if (answer.status === 416) {
      return new Uint8Array();
    }
    if (answer.status !== 200) {
      throw isAbsent(answer) ? 'no-entry' : 'io';
    }
    this.#whole.set(path, body(answer));
    return this.#whole.get(path).slice(offset, offset + length);
  }

  #url(path) {
    return this.#base + path.split('/').map(encodeURIComponent).join('/');
  }

  #readWhole(path) {
    const answer = ask('GET', this.#url(path));
    if (answer.status !== 200) {
      throw isAbsent(answer) ? 'no-entry' : 'io';
    }
    this.#whole.set(path, body(answer));
    return this.#whole.get(path);
  }

  #readText(path) {
    return this.look(path) && new TextDecoder().decode(this.#readWhole(path));
  }

  /** The entries of each folder, from the lines of files.txt: `loose/ab/cdef...` or `./loose/ab/cdef...`. */
  #readListing() {
    const text = this.#readText('files.txt');
    if (text === undefined) {
      return undefined;
    }
    const folders = new Map();
    for (const line of text.split('\n')) {
      const parts = line.trim().split('/').filter((part) => part !== '' && part !== '.');
      parts.forEach((name, depth) => {
        const folder = parts.slice(0, depth).join('/');
        const entries = folders.get(folder) ?? new Map();
        folders.set(folder, entries.set(name, depth === parts.length - 1 ? 'file' : 'directory'));
      });
    }
    const listed = (entries) => [...entries].map(([name, type]) => ({ name, type }));
    return new Map([...folders].map(([folder, entries]) => [folder, listed(entries)]));
  }

  #probePacks() {
    const packs = [];
    for (let number = 0, missing = 0; missing < GAP; number += 1) {
      const isThere = this.look(`packs/${number}`) !== undefined;
      missing = isThere ? 0 : missing + 1;
      if (isThere) {
        packs.push({ name: String(number), type: 'file' });
      }
    }
    return packs;
  }

  #namedIndexFiles() {
    const names = ['manifest.json'];
    try {
      const { log, runs } = JSON.parse(this.#readText('index/manifest.json'));
      names.push(`log-${Number(log)}.jsonl`, ...runs.map((run) => `run-${Number(run)}.jsonl`));
    } catch {
      // The component reports a damaged manifest.
    }
    return names.filter((name) => this.look(`index/${name}`)).map((name) => ({ name, type: 'file' }));
  }
}
