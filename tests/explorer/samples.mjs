// A container that the command makes: loose, packed and compressed objects, several packs, and one damaged object.

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';

export const COMMAND = process.env.LOOSEPACK_COMMAND ?? 'target/release/loosepack';

export const sha256 = (content) => createHash('sha256').update(content).digest('hex');

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const content = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, crc] = [data.length, crc32(content)].map((number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(number);
    return bytes;
  });
  return Buffer.concat([length, content, crc]);
}

/** A picture of this size as PNG. */
function png(width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    const row = Buffer.alloc(1 + 3 * width);
    for (let x = 0; x < width; x += 1) {
      row.set([(255 * x) / width, (255 * y) / height, 160], 1 + 3 * x);
    }
    rows.push(row);
  }
  const data = chunk('IDAT', deflateSync(Buffer.concat(rows)));
  return Buffer.concat([Buffer.from(PNG), chunk('IHDR', header), data, chunk('IEND', Buffer.alloc(0))]);
}

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const EXECUTE = 'document.title = "executed"; console.log("executed")';

/** Contents by name. */
export const CONTENTS = {
  image: png(320, 200),
  text: Buffer.from(`Dear Ada,\n\n${'the engine weaves algebraical patterns. '.repeat(40)}\nGr\u00fc\u00dfe\n`),
  html: Buffer.from(`<!DOCTYPE html><script>${EXECUTE}</script>
    <img src=x onerror='${EXECUTE}'><svg onload='${EXECUTE}'>`),
  svg: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload='${EXECUTE}'><script>${EXECUTE}</script></svg>`),
  falseImage: Buffer.concat([Buffer.from(PNG), Buffer.from(`<script>${EXECUTE}`)]),
  binary: Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 7) % 256)),
  compressed: Buffer.from('compressible '.repeat(300_000)),
  large: Buffer.concat([randomBytes(3 << 20), Buffer.from('the end')]),
  huge: Buffer.alloc(9 << 20, 'more than a preview holds\n'),
  empty: Buffer.alloc(0),
  damaged: randomBytes(5000),
  loose: Buffer.from('a loose object\n'),
};
/** Further small objects. */
const FEW = 120;

/** The files below a folder, relative to it. */
export function files(root) {
  const paths = fs.readdirSync(root, { recursive: true }).filter((name) => fs.statSync(path.join(root, name)).isFile());
  return paths.map((name) => `./${name}`);
}

/** Makes the container `store` in a folder. */
export function makeContainer(folder) {
  const store = path.join(folder, 'store');
  const run = (...args) => execFileSync(COMMAND, ['-C', store, '--quiet', ...args], { encoding: 'utf8' });
  const add = (names) => {
    const files = names.map((name) => path.join(folder, name));
    files.forEach((file) => fs.writeFileSync(file, CONTENTS[path.basename(file)] ?? path.basename(file)));
    run('add', ...files);
  };
  run('init', '--pack-target', '2M');
  const few = Array.from({ length: FEW }, (_, number) => `few-${number}`);
  add(['image', 'text', 'html', 'svg', 'falseImage', 'binary', 'damaged', ...few]);
  run('pack', '--clean', '--compress', 'never');
  add(['large']);
  run('pack', '--clean', '--compress', 'never');
  add(['compressed', 'huge', 'empty']);
  run('pack', '--clean', '--compress', 'always');
  add(['loose']);
  damage(store, run);
  return { store, ids: run('ls').trim().split('\n').map((line) => line.split(/\s/)[0]) };
}

/** Changes one byte of the object that is to be damaged. */
function damage(store, run) {
  const { pack, offset } = JSON.parse(run('info', '--json', sha256(CONTENTS.damaged)));
  const file = path.join(store, 'packs', String(pack));
  const content = fs.readFileSync(file);
  content[offset + 100] ^= 1;
  fs.writeFileSync(file, content);
}
