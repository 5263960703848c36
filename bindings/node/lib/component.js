// The engine `component`: the portable component, which jco made JavaScript of. Each open container is an instance of
// its own, with a memory of its own.

import fs from 'node:fs';
import { createRequire } from 'node:module';

import { bigNanoseconds, numbers } from './values.js';
import { closeAll, codeOf, grant, imports } from './wasi.js';

const modules = new Map();

/** Compiles a module of the component once for all instances. */
function getCoreModule(name) {
  let module = modules.get(name);
  if (module === undefined) {
    module = new WebAssembly.Module(fs.readFileSync(new URL(`../component/${name}`, import.meta.url)));
    modules.set(name, module);
  }
  return module;
}

let code;

/** A new instance of the component. Its code is read when it is first needed. */
function newInstance() {
  code ??= createRequire(import.meta.url)('../component/loosepack.cjs');
  return code.instantiate(getCoreModule, imports);
}

/** Containers that are collected without having been closed give their files back. */
const abandoned = new FinalizationRegistry(closeAll);

export const component = {
  name: 'component',
  open(directory, options) {
    const how = options.damaged ? 'openDamaged' : 'open';
    return new Handle(directory, (Container, granted) => Container[how](granted, optionsOf(options)));
  },
  create(directory, { packTarget, compressionLevel, shared }, options) {
    const config = { packTarget: BigInt(packTarget), compressionLevel, shared: shared ? 'group' : 'umask' };
    return new Handle(directory, (Container, granted) => Container.create(granted, config, optionsOf(options)));
  },
  failure(error) {
    if (typeof error?.payload?.tag === 'string') {
      return error.payload;
    }
    const stopped = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    return stopped ? { tag: 'trap', val: error.message, cause: error } : undefined;
  },
};

/** How a handle is opened, as the contract has it. */
function optionsOf({ readOnly, durable, verify, holder }) {
  const access = readOnly ? 'read-only' : 'read-write';
  return { access, durability: durable ? 'full' : 'none', verify, holder };
}

/** An open container. */
class Handle {
  #directory;
  #instance = newInstance();
  #container;
  /** File descriptors that are open. */
  #files = new Set();

  constructor(directory, start) {
    this.#directory = directory;
    abandoned.register(this, this.#files, this);
    try {
      this.#container = start(this.#instance.container.Container, this.#grant(directory));
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** `stopped`: the component is not to be called any more. */
  close(stopped) {
    try {
      if (!stopped) {
        this.#container[Symbol.dispose]();
      }
    } finally {
      this.#release();
    }
  }

  id() {
    return this.#container.id();
  }

  config() {
    const { packTarget, compressionLevel, shared } = this.#container.config();
    return { packTarget: Number(packTarget), compressionLevel, shared: shared === 'group' };
  }

  durable() {
    return this.#container.durability() === 'full';
  }

  add(content) {
    return this.#container.add(content);
  }

  addMany(contents) {
    return this.#container.addMany(contents);
  }

  addFiles(groups) {
    return this.#container.addStreams(this.#streams(groups));
  }

  writer() {
    const { ObjectWriter } = this.#instance.container;
    const writer = this.#container.writer();
    return resource(writer, {
      write: (content) => writer.write(content),
      finish: () => ObjectWriter.finish(writer),
    });
  }

  packWriter(compression) {
    const { PackWriter } = this.#instance.maintenance;
    const writer = PackWriter.open(this.#container, compression);
    return resource(writer, {
      add: (content) => writer.add(content),
      addMany: (contents) => writer.addMany(contents),
      addFiles: (groups) => writer.addStreams(this.#streams(groups)),
      commit: () => writer.commit(),
      finish: () => PackWriter.finish(writer),
    });
  }

  get(id) {
    return this.#container.get(id);
  }

  getToFile(id, directory, name) {
    return Number(this.#container.getToFile(id, this.#grant(directory), name));
  }

  reader(id) {
    const reader = this.#container.reader(id);
    return resource(reader, {
      size: () => Number(reader.size()),
      read: (size) => reader.read(BigInt(size)),
      seek: (position) => reader.seek(BigInt(position)),
    });
  }

  readMany(digests) {
    return this.#container.readMany(digests);
  }

  contains(digests) {
    return this.#container.contains(digests);
  }

  info(id) {
    return infoOf(this.#container.info(id));
  }

  infoMany(digests) {
    return this.#container.infoMany(digests).map((info) => info && infoOf(info));
  }

  objects(after, limit) {
    return this.#container.objects(after, limit);
  }

  stats() {
    return numbers(this.#container.stats());
  }

  packs() {
    return this.#instance.maintenance.packs(this.#container).map(numbers);
  }

  unlock() {
    return this.#instance.maintenance.forceUnlock(this.#container);
  }

  pack(compression, clean) {
    const { packLoose, packAndClean } = this.#instance.maintenance;
    return jobOf((clean ? packAndClean : packLoose)(this.#container, compression));
  }

  clean() {
    return jobOf(this.#instance.maintenance.clean(this.#container));
  }

  delete(digests) {
    return jobOf(this.#instance.maintenance.delete(this.#container, digests));
  }

  gc(digests, grace, dryRun) {
    const { KeepList, gc } = this.#instance.maintenance;
    const list = new KeepList();
    list.add(digests);
    return jobOf(gc(this.#container, list, { grace: bigNanoseconds(grace), dryRun }));
  }

  repack(options) {
    return jobOf(this.#instance.maintenance.repack(this.#container, options));
  }

  verify({ completed, shard, shards }) {
    return jobOf(this.#instance.maintenance.verify(this.#container, { completed: BigInt(completed), shard, shards }));
  }

  reindex() {
    return jobOf(this.#instance.maintenance.reindex(this.#container));
  }

  fold() {
    return jobOf(this.#instance.maintenance.fold(this.#container));
  }

  importFrom(directory, digests) {
    const { importObjects } = this.#instance.transfer;
    return this.#beside(directory, (other) => importObjects(this.#container, other, digests));
  }

  repair(directory) {
    return this.#beside(directory, (other) => this.#instance.transfer.repair(this.#container, other));
  }

  backup(directory, link, restore) {
    return jobOf(this.#instance.transfer.backup(this.#container, this.#grant(directory), { link, restore }));
  }

  /** Starts a job with another container, which is opened in the same instance, for reading. */
  #beside(directory, start) {
    const options = optionsOf({ readOnly: true, durable: true, verify: true, holder: '' });
    const other = this.#instance.container.Container.open(this.#grant(directory), options);
    try {
      return jobOf(start(other), other);
    } catch (error) {
      other[Symbol.dispose]();
      throw error;
    }
  }

  #streams(groups) {
    const { LazyStream } = this.#instance.sources;
    return groups.flatMap(([directory, names]) => LazyStream.fromFiles(this.#grant(directory), names));
  }

  /** Grants the component this directory. A failure is one like those of the component. */
  #grant(directory) {
    try {
      return grant(directory, this.#files);
    } catch (cause) {
      const absent = cause.code === 'ENOENT' && directory === this.#directory;
      const unopened = { operation: 'open', path: directory, code: codeOf(cause) };
      const payload = absent ? { tag: 'no-container' } : { tag: 'io', val: unopened };
      throw Object.assign(new Error(cause.message, { cause }), { payload });
    }
  }

  #release() {
    abandoned.unregister(this);
    closeAll(this.#files);
    this.#instance = undefined;
    this.#container = undefined;
  }
}

/** A resource of the component with these methods; disposing of it drops it, and `others` after it. */
function resource(made, methods, ...others) {
  const dispose = () => [made, ...others].forEach((dropped) => dropped[Symbol.dispose]());
  return { ...methods, [Symbol.dispose]: dispose };
}

function jobOf(job, ...others) {
  return resource(job, { step: () => numbers(job.step()) }, ...others);
}

/** Size and place of an object. */
function infoOf({ size, placement }) {
  return { size: Number(size), place: placement.tag === 'packed' ? numbers(placement.val) : undefined };
}
