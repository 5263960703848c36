// The component in a worker, where files can be read synchronously. Answers requests of explorer.js.
//
// A request is { number, call, argument }; the answers to it are any number of { number, progress }, and then
// { number, result } or { number, error }.

import { instantiate } from './component/loosepack.js';
import { imports, root } from './filesystem.js';
import { explain } from './messages.js';
import { PickedFiles, gather } from './picked.js';
import { ServedFolder } from './served.js';

const OPTIONS = { access: 'read-only', durability: 'none', verify: true, holder: '' };
// Objects up to this size are read whole for a preview, and so checked; of larger ones, the beginning.
const WHOLE_MAX = 8 << 20;
const BEGINNING = 64 << 10;
// Bytes of a download that are handed to the browser's store of blobs at a time.
const PART = 32 << 20;
const DIGEST = 32;

let component;
let container;
let stopped = false;

/** A turn of the event loop, in which other requests are answered. */
const turn = () => new Promise((resolve) => { setTimeout(resolve); });

async function coreModule(name) {
  const response = await fetch(new URL(`component/${name}`, import.meta.url));
  if (!response.ok) {
    throw new Error(`The component is missing: component/${name}.`);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}

async function treeOf({ files, handle, url }, report) {
  if (url) {
    return new ServedFolder(url);
  }
  return new PickedFiles(files ?? await gather(handle, report));
}

const hex = (digest) => Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
const fromHex = (id) => Uint8Array.from(id.match(/../g), (byte) => Number.parseInt(byte, 16));

/** The last ID before all that start with `prefix`, or undefined when there is none. */
function before(prefix) {
  const first = BigInt(`0x${prefix.padEnd(2 * DIGEST, '0')}`);
  return first === 0n ? undefined : (first - 1n).toString(16).padStart(2 * DIGEST, '0');
}

/** Sizes and places of objects that exist. */
function described(digests) {
  const infos = container.infoMany(digests);
  const ids = infos.map((_, index) => hex(digests.subarray(index * DIGEST, (index + 1) * DIGEST)));
  return ids.map((id, index) => ({ id, ...infos[index] })).filter(({ placement }) => placement);
}

const calls = {
  async open(source, report) {
    const tree = await treeOf(source, report);
    component = await instantiate(coreModule, imports);
    const { Container } = component.container;
    let damage;
    try {
      container = Container.open(root(tree), OPTIONS);
    } catch (error) {
      if (error.payload?.tag !== 'corrupt') {
        throw error;
      }
      damage = explain(error);
      container = Container.openDamaged(root(tree), OPTIONS);
    }
    return { id: container.id(), damage, isListed: tree.isListed ?? true };
  },

  stats() {
    return container.stats();
  },

  /** A page of the objects whose IDs start with `prefix` and come after the ID `after`. */
  page({ prefix, after, limit }) {
    if (prefix.length === 2 * DIGEST) {
      return { objects: described(fromHex(prefix)), more: false };
    }
    const digests = container.objects(after ?? before(prefix), limit + 1);
    const objects = described(digests).filter(({ id }) => id.startsWith(prefix));
    return { objects: objects.slice(0, limit), more: objects.length > limit };
  },

  preview(id) {
    const reader = container.reader(id);
    try {
      const size = reader.size();
      const isWhole = size <= WHOLE_MAX;
      return { bytes: isWhole ? container.get(id) : reader.read(BigInt(BEGINNING)), isWhole, size };
    } finally {
      reader[Symbol.dispose ?? Symbol.for('dispose')]();
    }
  },

  /** The bytes of an object as a blob. It exists only when all of them have been checked. */
  async content(id, report) {
    const reader = container.reader(id);
    try {
      const blobs = [];
      let parts = [];
      for (let done = 0, held = 0; ; ) {
        const bytes = reader.read(1n << 20n);
        parts.push(bytes);
        done += bytes.length;
        held += bytes.length;
        if (held >= PART || bytes.length === 0) {
          blobs.push(new Blob(parts));
          parts = [];
          held = 0;
          report({ done, size: Number(reader.size()) });
          await turn();
        }
        if (bytes.length === 0) {
          return new Blob(blobs, { type: 'application/octet-stream' });
        }
      }
    } finally {
      reader[Symbol.dispose ?? Symbol.for('dispose')]();
    }
  },

  async verify(_argument, report) {
    stopped = false;
    const job = component.maintenance.verify(container, { completed: 0n, shard: 0, shards: 1 });
    try {
      for (;;) {
        const progress = job.step();
        report(progress);
        if (progress.finished || stopped) {
          return { finished: progress.finished };
        }
        await turn();
      }
    } finally {
      job[Symbol.dispose ?? Symbol.for('dispose')]();
    }
  },

  stop() {
    stopped = true;
  },
};

addEventListener('message', async ({ data: { number, call, argument } }) => {
  try {
    const result = await calls[call](argument, (progress) => postMessage({ number, progress }));
    postMessage({ number, result });
  } catch (error) {
    postMessage({ number, error: explain(error) });
  }
});
