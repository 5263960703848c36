// The host of the component: the parts of WASI 0.2 that it imports, over node:fs. A descriptor is the only authority
// that the component gets, and no path of a descriptor leads out of its directory.

import fs from 'node:fs';
import path from 'node:path';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC } = fs.constants;
// Absent on some systems.
const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/** Directories cannot be opened, and so not flushed, on Windows. */
const OPENS_DIRECTORIES = process.platform !== 'win32';

/** The most bytes that one read gives. */
const READ_MAX = 1 << 20;

/** Reads go through this; the caller copies them into the component's memory before the next. */
const buffer = new Uint8Array(READ_MAX);

const CODES = {
  EACCES: 'access',
  EAGAIN: 'would-block',
  EBADF: 'bad-descriptor',
  EBUSY: 'busy',
  EDQUOT: 'quota',
  EEXIST: 'exist',
  EFBIG: 'file-too-large',
  EILSEQ: 'illegal-byte-sequence',
  EINTR: 'interrupted',
  EINVAL: 'invalid',
  EIO: 'io',
  EISDIR: 'is-directory',
  ELOOP: 'loop',
  // WASI has no code for too many open files; the component takes this one for it.
  EMFILE: 'insufficient-memory',
  EMLINK: 'too-many-links',
  ENAMETOOLONG: 'name-too-long',
  ENFILE: 'insufficient-memory',
  ENODEV: 'no-device',
  ENOENT: 'no-entry',
  ENOLCK: 'no-lock',
  ENOMEM: 'insufficient-memory',
  ENOSPC: 'insufficient-space',
  ENOSYS: 'unsupported',
  ENOTDIR: 'not-directory',
  ENOTEMPTY: 'not-empty',
  ENOTSUP: 'unsupported',
  ENXIO: 'no-such-device',
  EOVERFLOW: 'overflow',
  EPERM: 'not-permitted',
  EPIPE: 'pipe',
  EROFS: 'read-only',
  ESTALE: 'no-such-device',
  ESPIPE: 'invalid-seek',
  ETXTBSY: 'text-file-busy',
  EXDEV: 'cross-device',
  ERR_INVALID_ARG_VALUE: 'invalid',
};

/** Calls a function of node:fs; a failure is thrown as WASI's code for it, which the component receives. */
function attempt(call) {
  try {
    return call();
  } catch (error) {
    throw typeof error === 'string' ? error : codeOf(error);
  }
}

/** What is at a path, links not followed; undefined when there is nothing. */
function look(reached) {
  return attempt(() => fs.lstatSync(reached, { throwIfNoEntry: false }));
}

/** The type of what `stat` or a directory entry describes. */
function typeOf(found) {
  if (found.isFile()) {
    return 'regular-file';
  }
  if (found.isDirectory()) {
    return 'directory';
  }
  if (found.isSymbolicLink()) {
    return 'symbolic-link';
  }
  if (found.isFIFO()) {
    return 'fifo';
  }
  if (found.isSocket()) {
    return 'socket';
  }
  return found.isCharacterDevice() ? 'character-device' : found.isBlockDevice() ? 'block-device' : 'unknown';
}

function time(nanoseconds) {
  const seconds = nanoseconds / 1_000_000_000n;
  return { seconds: seconds < 0n ? 0n : seconds, nanoseconds: Number(nanoseconds % 1_000_000_000n) };
}

function describe(found) {
  return {
    type: typeOf(found),
    linkCount: found.nlink,
    size: found.size,
    dataAccessTimestamp: time(found.atimeNs),
    dataModificationTimestamp: time(found.mtimeNs),
    statusChangeTimestamp: time(found.ctimeNs),
  };
}

/** A directory or file of the host: `wasi:filesystem/types`. */
class Descriptor {
  /** The directory, with a separator at its end; undefined for a file. */
  #base;
  /** Undefined once it is closed, and for a directory that needs none. */
  #fd;
  /** The file descriptors that this one's owner has open. */
  #open;

  /** @private */
  constructor(open, base, fd) {
    this.#open = open;
    this.#base = base;
    this.#fd = fd;
    if (fd !== undefined) {
      open.add(fd);
    }
  }

  /** The directory at this path; whatever is opened through it is in `open` as long as it is. */
  static grant(directory, open) {
    const resolved = fs.realpathSync.native(directory);
    return new Descriptor(open, resolved.endsWith(path.sep) ? resolved : resolved + path.sep, undefined);
  }

  [Symbol.dispose]() {
    const fd = this.#fd;
    this.#fd = undefined;
    // Not in it when the owner has closed everything already: the number may be another file's by now.
    if (fd !== undefined && this.#open.delete(fd)) {
      fs.closeSync(fd);
    }
  }

  read(length, offset) {
    const fd = this.#file();
    const asked = length < BigInt(READ_MAX) ? Number(length) : READ_MAX;
    const given = attempt(() => fs.readSync(fd, buffer, 0, asked, offset));
    return [buffer.subarray(0, given), given === 0 && asked > 0];
  }

  write(bytes, offset) {
    const fd = this.#file();
    return BigInt(attempt(() => fs.writeSync(fd, bytes, 0, bytes.length, Number(offset))));
  }

  setSize(size) {
    const fd = this.#file();
    attempt(() => fs.ftruncateSync(fd, Number(size)));
  }

  syncData() {
    const fd = this.#file();
    attempt(() => fs.fdatasyncSync(fd));
  }

  sync() {
    if (this.#base !== undefined && !OPENS_DIRECTORIES) {
      throw 'invalid';
    }
    const fd = this.#opened();
    attempt(() => fs.fsyncSync(fd));
  }

  stat() {
    const fd = this.#opened();
    return describe(attempt(() => fs.fstatSync(fd, { bigint: true })));
  }

  statAt(flags, name) {
    return describe(attempt(() => fs.lstatSync(this.#path(name), { bigint: true })));
  }

  readDirectory() {
    const base = this.#directory();
    return new DirectoryEntryStream(attempt(() => fs.readdirSync(base, { withFileTypes: true })));
  }

  createDirectoryAt(name) {
    attempt(() => fs.mkdirSync(this.#path(name)));
  }

  linkAt(flags, from, directory, to) {
    attempt(() => fs.linkSync(this.#path(from), directory.#path(to)));
  }

  renameAt(from, directory, to) {
    attempt(() => fs.renameSync(this.#path(from), directory.#path(to)));
  }

  unlinkFileAt(name) {
    attempt(() => fs.unlinkSync(this.#path(name)));
  }

  openAt(flags, name, how, access) {
    const opened = this.#path(name);
    if (how.directory) {
      return this.#openDirectory(opened);
    }
    let mode = (access.write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK;
    mode |= (how.create ? O_CREAT : 0) | (how.exclusive ? O_EXCL : 0) | (how.truncate ? O_TRUNC : 0);
    if (O_NOFOLLOW === 0 && look(opened)?.isSymbolicLink()) {
      throw 'loop';
    }
    return new Descriptor(this.#open, undefined, attempt(() => fs.openSync(opened, mode)));
  }

  #openDirectory(opened) {
    if (OPENS_DIRECTORIES) {
      const fd = attempt(() => fs.openSync(opened, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      return new Descriptor(this.#open, opened.endsWith(path.sep) ? opened : opened + path.sep, fd);
    }
    if (!attempt(() => fs.lstatSync(opened)).isDirectory()) {
      throw 'not-directory';
    }
    return new Descriptor(this.#open, opened + path.sep, undefined);
  }

  /** The path of the host for a path below this directory. No component of it but the last may be a link. */
  #path(name) {
    const base = this.#directory();
    if (name === '.') {
      return base;
    }
    const names = name.split('/');
    // A backslash, a colon and a device's name are names like any other where they mean nothing.
    const forbidden = process.platform === 'win32' ? /[\\:\0]/ : /\0/;
    let reached = base;
    for (const [index, part] of names.entries()) {
      if (part === '' || part === '.' || part === '..' || forbidden.test(part)) {
        throw 'not-permitted';
      }
      if (index > 0) {
        const found = look(reached);
        if (found === undefined) {
          throw 'no-entry';
        }
        if (!found.isDirectory()) {
          throw found.isSymbolicLink() ? 'loop' : 'not-directory';
        }
        reached += path.sep;
      }
      reached += part;
    }
    return reached;
  }

  #directory() {
    if (this.#base === undefined) {
      throw 'not-directory';
    }
    return this.#base;
  }

  #file() {
    if (this.#base !== undefined) {
      throw 'is-directory';
    }
    return this.#opened();
  }

  #opened() {
    if (this.#fd === undefined || !this.#open.has(this.#fd)) {
      throw 'bad-descriptor';
    }
    return this.#fd;
  }
}

/** The entries of a directory. */
class DirectoryEntryStream {
  #entries;
  #next = 0;

  /** @private */
  constructor(entries) {
    this.#entries = entries;
  }

  readDirectoryEntry() {
    const entry = this.#entries[this.#next];
    this.#next += 1;
    return entry && { name: entry.name, type: typeOf(entry) };
  }
}

/** Streams are not given to the component: objects are written to it piece by piece. */
class InputStream {}

class StreamError {}

/** A handle on a directory, to be passed to the component. */
export const grant = (directory, open) => Descriptor.grant(directory, open);

/** Closes all that is still open. */
export function closeAll(open) {
  for (const fd of open) {
    fs.closeSync(fd);
  }
  open.clear();
}

/** WASI's code for a failure of node:fs. */
export const codeOf = (error) => CODES[error.code] ?? 'io';

/** What the component imports. */
export const imports = {
  'wasi:clocks/wall-clock': { now: () => time(BigInt(Date.now()) * 1_000_000n) },
  'wasi:filesystem/preopens': { getDirectories: () => [] },
  'wasi:filesystem/types': { Descriptor, DirectoryEntryStream },
  'wasi:io/error': { Error: StreamError },
  'wasi:io/streams': { InputStream },
};
