// What tests share.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { create } from 'loosepack';

export const KIB = 1 << 10;
export const MIB = 1 << 20;

export const sha256 = (content) => createHash('sha256').update(content).digest('hex');
export const ABSENT = sha256('absent');

/** Sizes around all that is done in pieces. */
export const SIZES = [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 17];

/** Bytes that look like noise, the same for the same size. */
export function noise(size) {
  const content = Buffer.alloc(size);
  let state = size + 1;
  for (let at = 0; at < size; at += 1) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    content[at] = state >>> 16;
  }
  return content;
}

/** A folder of a test's own, which is removed after it. */
export function scratch(t) {
  const folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'loosepack-node-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A new container, the folder it is in, and that folder's. */
export function setUp(t, options = {}) {
  const root = scratch(t);
  const folder = path.join(root, 'store');
  const store = create(folder, { durable: false, ...options });
  t.after(() => store.close());
  return { store, folder, root };
}

export function looseFile(folder, id) {
  return path.join(folder, 'loose', id.slice(0, 2), id.slice(2));
}

/** The descriptors that this process has open for files below a folder; null where that cannot be known. */
export function openFiles(folder) {
  if (!fs.existsSync('/proc/self/fd')) {
    return null;
  }
  const targets = fs.readdirSync('/proc/self/fd').map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(folder)).length;
}

/** Everything that an iterable gives. */
export async function collect(iterable) {
  const items = [];
  for await (const item of iterable) {
    items.push(item);
  }
  return items;
}

export async function text(stream) {
  return Buffer.concat(await collect(stream)).toString();
}
