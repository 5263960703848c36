// The engine `addon`: the native host of the store, as an addon for Node. It runs the component in wasmtime, and gives
// it locks of the operating system and hashing at the machine's speed.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The code of the addon's errors that have a failure of the store, as JSON, for their message. */
const FAILURE = 'LOOSEPACK_FAILURE';
/** The codes of its errors for arguments of a wrong type. */
const WRONG_TYPE = /^(InvalidArg|\w+Expected)$/;
/** The code of the errors that its panics become. */
const PANIC = 'GenericFailure';

/** The addon of this platform. */
const FILE = new URL(`../loosepack.${process.platform}-${process.arch}.node`, import.meta.url);

/** The version of the package, and of the addon that belongs to it. */
const VERSION = createRequire(import.meta.url)('../package.json').version;

let loaded;

/** The engine, or the reason that there is none. The addon is loaded when it is first asked for. */
export function addon() {
  loaded ??= load();
  return loaded;
}

function load() {
  if (!fs.existsSync(FILE)) {
    return { reason: `this package has none for ${process.platform} on ${process.arch}` };
  }
  try {
    return { engine: engineOf(createRequire(import.meta.url)(fileURLToPath(FILE))) };
  } catch (error) {
    return { reason: `it does not load: ${error.message}` };
  }
}

/** On an addon whose classes were extended: modules may be evaluated again, and addons are not. */
const EXTENDED = Symbol.for('loosepack.extended');

function engineOf(native) {
  if (native.version?.() !== VERSION) {
    throw new Error(`it is of another version than ${VERSION}, that of this package`);
  }
  if (!native[EXTENDED]) {
    extendAll(native);
    native[EXTENDED] = true;
  }
  return { name: 'addon', open: native.open, create: native.create, failure };
}

function extendAll(native) {
  for (const name of ['ObjectWriter', 'PackWriter', 'Reader', 'Batch', 'Job']) {
    const { prototype } = native[name];
    prototype[Symbol.dispose] = prototype.dispose;
  }
  extend(native.Container.prototype, 'addFiles', manyFiles);
  extend(native.PackWriter.prototype, 'addFiles', manyFiles);
  extend(native.Batch.prototype, 'next', blockOf);
  native.Reader.prototype.read = read;
}

/** Replaces a method of the addon by one that `change` makes of it. */
function extend(prototype, name, change) {
  prototype[name] = change(prototype[name]);
}

/** Adds files of many directories with a method that adds those of one. */
function manyFiles(add) {
  return function (groups) {
    const added = groups.flatMap(([directory, names]) => add.call(this, directory, names));
    return added.map(({ id, failure: text }) => {
      return text ? { tag: 'err', val: JSON.parse(text) } : { tag: 'ok', val: id };
    });
  };
}

/** The next bytes of a reader, at most this many. */
function read(size) {
  const room = Buffer.allocUnsafeSlow(Math.min(size, this.size()));
  const filled = this.fill(room);
  return filled === room.length ? room : room.subarray(0, filled);
}

/** The next block, with the reasons for what is not in it. */
function blockOf(next) {
  return function () {
    const { others, ...block } = next.call(this);
    return { ...block, others: others.map(({ position, reason }) => [position, JSON.parse(reason)]) };
  };
}

/** For what a call of the addon threw: the failure of the store, if it is one. */
function failure(error) {
  if (error?.code === FAILURE) {
    return JSON.parse(error.message);
  }
  if (error?.code === PANIC) {
    return { tag: 'trap', val: error.message };
  }
  if (WRONG_TYPE.test(error?.code)) {
    throw Object.assign(new TypeError(error.message, { cause: error }), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  return undefined;
}
