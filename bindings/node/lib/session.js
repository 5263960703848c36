// A container in an instance of the component of its own, and what is open in it.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { newInstance } from './component.js';
import { ClosedError, NoContainerError, StorageError, TrapError, convert, fromPayload } from './errors.js';
import { wrongType } from './values.js';
import { closeAll, codeOf, grant } from './wasi.js';

/** Containers that are collected without having been closed give their files back. */
const abandoned = new FinalizationRegistry(closeAll);

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

/** How a handle is opened, as the contract has it. */
export function openOptions({ readOnly = false, durable = true, verify = true }) {
  return {
    access: readOnly ? 'read-only' : 'read-write',
    durability: durable ? 'full' : 'none',
    verify: Boolean(verify),
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
  #instance;
  #container;
  /** File descriptors that are open. */
  #files = new Set();
  /** Resources with something to give up that would outlive the process: lock files and unfinished files. */
  #kept = new Set();
  #closed = false;
  #trapped = false;

  /** `start` gets the class `Container` and the granted directory, and returns the container. */
  constructor(directory, start) {
    this.path = directory;
    this.#instance = newInstance();
    abandoned.register(this, this.#files, this);
    try {
      this.#container = this.call(() => start(this.#instance.container.Container, this.grant(directory)));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get closed() {
    return this.#closed;
  }

  /** Calls the component: `call` gets the container and the instance. Its failures become errors of ours. */
  call(call, source) {
    if (this.#closed) {
      throw new ClosedError('closed', 'the container is closed');
    }
    if (this.#trapped) {
      throw new TrapError('trap', 'the sandbox was stopped: open the container again');
    }
    try {
      return call(this.#container, this.#instance);
    } catch (error) {
      const converted = convert(error, { path: this.path, source });
      this.#trapped = converted instanceof TrapError;
      throw converted;
    }
  }

  /** The error for a case of the contract's `error` that was not thrown. */
  failure(payload, source) {
    return fromPayload(payload, { path: this.path, source });
  }

  /** Grants the component this directory. */
  grant(directory) {
    try {
      return grant(directory, this.#files);
    } catch (error) {
      if (error.code === 'ENOENT' && directory === this.path) {
        throw new NoContainerError('no-container', `${directory}: there is no container here`, { cause: error });
      }
      throw unreachable('open', directory, error);
    }
  }

  /** Opens another container in the same instance, for reading; the caller gives it to `drop`. */
  openOther(directory) {
    const { Container } = this.#instance.container;
    return this.call(() => Container.open(this.grant(directory), openOptions({ readOnly: true })), directory);
  }

  /** Grants the directory of a file: the handle, and the file's name. Links that lead there are followed. */
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
    const results = this.call((container, { sources: { LazyStream } }) => {
      const streams = [...folders].flatMap(([folder, { names }]) => LazyStream.fromFiles(this.grant(folder), names));
      return add(container, streams);
    });
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
        this.#trapped = true;
        throw convert(error, { path: this.path });
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
      this.drop(this.#container);
    } finally {
      this.#closed = true;
      abandoned.unregister(this);
      closeAll(this.#files);
      this.#instance = undefined;
      this.#container = undefined;
    }
  }
}
