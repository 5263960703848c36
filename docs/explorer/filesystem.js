// The part of WASI that the component imports, over a tree of files that can only be read.
//
// A tree has three functions, all synchronous. Paths are relative to the container and have no `.` or `..`; the root is
// the empty path. Failures are thrown as error codes of `wasi:filesystem`, which are strings.
//   look(path)                   { type: 'directory' }, { type: 'file', size, modified } or undefined
//   list(path)                   the entries of a directory: [{ name, type }]
//   read(path, offset, length)   a Uint8Array, shorter than asked for only at the end of the file

// One call hands out at most this many bytes.
const READ_MAX = 4 << 20;

const TYPES = { directory: 'directory', file: 'regular-file' };

/** Milliseconds since 1970 as a `datetime`. */
function datetime(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanoseconds: Math.round(milliseconds - seconds * 1000) * 1_000_000 };
}

/** Joins a path to the path of a directory. Nothing above the root can be named. */
function join(base, path) {
  if (path.startsWith('/')) {
    throw 'not-permitted';
  }
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) {
    throw 'not-permitted';
  }
  return [...(base === '' ? [] : [base]), ...parts].join('/');
}

function found(tree, path) {
  const entry = tree.look(path);
  if (entry === undefined) {
    throw 'no-entry';
  }
  return entry;
}

/** An entry of a tree as a `descriptor-stat`. */
function status(entry) {
  const modified = entry.modified === undefined ? undefined : datetime(entry.modified);
  return { type: TYPES[entry.type], linkCount: 1n, size: BigInt(entry.size ?? 0), dataModificationTimestamp: modified };
}

/** An open file or directory. */
class Descriptor {
  #tree;
  #path;
  #type;

  constructor(tree, path, type) {
    this.#tree = tree;
    this.#path = path;
    this.#type = type;
  }

  stat() {
    return status(found(this.#tree, this.#path));
  }

  statAt(_pathFlags, path) {
    return status(found(this.#tree, join(this.#path, path)));
  }

  openAt(_pathFlags, path, openFlags, flags) {
    if (openFlags.create || openFlags.truncate || flags.write || flags.mutateDirectory) {
      throw 'read-only';
    }
    const full = join(this.#path, path);
    const { type } = found(this.#tree, full);
    if (openFlags.directory && type !== 'directory') {
      throw 'not-directory';
    }
    return new Descriptor(this.#tree, full, type);
  }

  read(length, offset) {
    if (this.#type !== 'file') {
      throw 'is-directory';
    }
    const asked = Math.min(Number(length), READ_MAX);
    const bytes = this.#tree.read(this.#path, Number(offset), asked);
    return [bytes, bytes.length < asked];
  }

  readDirectory() {
    if (this.#type !== 'directory') {
      throw 'not-directory';
    }
    return new DirectoryEntryStream(this.#tree.list(this.#path));
  }

  // There is nothing to flush.
  sync() {
    throw 'unsupported';
  }

  syncData() {
    throw 'unsupported';
  }

  setSize() {
    throw 'read-only';
  }

  write() {
    throw 'read-only';
  }

  createDirectoryAt() {
    throw 'read-only';
  }

  linkAt() {
    throw 'read-only';
  }

  renameAt() {
    throw 'read-only';
  }

  unlinkFileAt() {
    throw 'read-only';
  }
}

class DirectoryEntryStream {
  #entries;

  constructor(entries) {
    this.#entries = entries.values();
  }

  readDirectoryEntry() {
    const { value } = this.#entries.next();
    return value && { name: value.name, type: TYPES[value.type] };
  }
}

// The component takes streams of its host only to add objects.
class InputStream {
  blockingRead() {
    throw { tag: 'closed' };
  }
}

class StreamFailure {
  toDebugString() {
    return '';
  }
}

/** What the component imports. */
export const imports = {
  'wasi:clocks/wall-clock': { now: () => datetime(Date.now()) },
  'wasi:filesystem/preopens': { getDirectories: () => [] },
  'wasi:filesystem/types': { Descriptor, DirectoryEntryStream },
  'wasi:io/error': { Error: StreamFailure },
  'wasi:io/streams': { InputStream },
};

/** A descriptor of the root of a tree. */
export function root(tree) {
  return new Descriptor(tree, '', 'directory');
}
