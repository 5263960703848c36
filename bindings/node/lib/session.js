// An open container: its handle, what is open in it, and the errors of its failures.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { engineOf } from './engines.js';
import { ClosedError, StorageError, TrapError, fromPayload } from './errors.js';
import { wrongType } from './values.js';
import { codeOf } from './wasi.js';

/** A path that a caller gave, absolute. */
export function pathOf(given) {
  if (given instanceof URL) {
    return path.resolve(fileURLToPath(given));
  }
  if (typeof given !== 'string') {
    throw wrongType('a path is a string or a file: URL', given);
  }
  return path.resolve(given);
}

/** How a handle is opened. */
export function openOptions({ readOnly = false, durable = true, verify = true, damaged = false }) {
  return {
    readOnly: Boolean(readOnly),
    durable: Boolean(durable),
    verify: Boolean(verify),
    damaged: Boolean(damaged),
    holder: `pid ${process.pid} on ${os.hostname()}`,
  };
}

/** A failure of node:fs with a path that a caller gave. */
function unreachable(operation, file, cause) {
  const reason = codeOf(cause);
  return new StorageError('io', `cannot ${operation} ${file}: ${reason}`, { file, operation, reason, cause });
}

/** One open container. */
export class Session {
  /** Its directory. */
  path;
  #engine;
  #handle;
  /** Resources with something to give up that would outlive the process: lock files and unfinished files. */
  #kept = new Set();
  #closed = false;
  #trapped = false;

  /** `engine`: its name, if it is chosen. `start` gets the engine, and returns the handle. */
  constructor(directory, engine, start) {
    this.path = directory;
    this.#engine = engineOf(engine);
    this.#handle = this.call(() => start(this.#engine));
  }

  get engine() {
    return this.#engine.name;
  }

  get closed() {
    return this.#closed;
  }

  /**
   * Calls the engine: `call` gets the handle. Its failures become errors of ours. `source`: the file or the directory
   * outside of the container that the call is about.
   */
  call(call, source) {
    if (this.#closed) {
      throw new ClosedError('closed', 'the container is closed');
    }
    if (this.#trapped) {
      throw new TrapError('trap', 'the sandbox was stopped: open the container again');
    }
    try {
      return call(this.#handle);
    } catch (error) {
      throw this.#convert(error, source);
    }
  }

  /** The error for a case of the contract's `error` that was not thrown. */
  failure(payload, source) {
    return fromPayload(payload, { path: this.path, source });
  }

  /** The error for what a call of the engine threw; what is no failure of the store stays as it is. */
  #convert(error, source) {
    const payload = this.#engine.failure(error);
    const converted = payload === undefined ? error : this.failure(payload, source);
    this.#trapped ||= converted instanceof TrapError;
    return converted;
  }

  /** The directory of a file, and the file's name. Links that lead there are followed. */
  locate(file, operation) {
    const resolved = pathOf(file);
    try {
      const found = operation === 'create' ? resolved : fs.realpathSync.native(resolved);
      return { folder: path.dirname(found), name: path.basename(found) };
    } catch (error) {
      throw unreachable(operation, resolved, error);
    }
  }

  /** Adds files to the container or to a pack writer; the IDs are in their order. */
  addFiles(files, add) {
    const folders = new Map();
    for (const [index, file] of files.entries()) {
      const { folder, name } = this.locate(file, 'open');
      const group = folders.get(folder) ?? { names: [], indexes: [] };
      group.names.push(name);
      group.indexes.push(index);
      folders.set(folder, group);
    }
    const groups = [...folders].map(([folder, { names }]) => [folder, names]);
    const results = this.call((handle) => add(handle, groups));
    const ids = new Array(files.length);
    for (const [number, index] of [...folders.values()].flatMap(({ indexes }) => indexes).entries()) {
      const { tag, val } = results[number];
      if (tag === 'err') {
        throw this.failure(val, pathOf(files[index]));
      }
      ids[index] = val;
    }
    return ids;
  }

  /** Remembers a resource that has to be dropped when the container is closed. */
  keep(resource) {
    this.#kept.add(resource);
    return resource;
  }

  /** Drops a resource; one that was consumed, or is gone with its container, is fine. */
  drop(resource) {
    this.#kept.delete(resource);
    if (resource !== undefined && !this.#closed && !this.#trapped) {
      try {
        resource[Symbol.dispose]();
      } catch (error) {
        const converted = this.#convert(error);
        this.#trapped = true;
        throw converted;
      }
    }
  }

  /** Drops all that is open. */
  close() {
    if (this.#closed) {
      return;
    }
    try {
      for (const resource of this.#kept) {
        this.drop(resource);
      }
    } finally {
      const handle = this.#handle;
      this.#closed = true;
      this.#handle = undefined;
      handle.close(this.#trapped);
    }
  }
}
