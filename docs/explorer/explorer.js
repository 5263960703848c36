// The page: opens a container, lists and searches its objects, and shows one.

import { Engine } from './engine.js';
import { Preview } from './preview.js';
import { Verification } from './verification.js';

const LIMIT = 50;

const at = (id) => document.getElementById(id);
const bytes = (number) => `${number.toLocaleString('en')} ${number === 1n ? 'byte' : 'bytes'}`;
const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

let engine;
// The IDs after which the pages up to the one that is shown start.
let starts = [];
let prefix = '';
let last;
let isListing = false;
// Counts the objects that were shown: an answer for an earlier one is dropped.
let showings = 0;

const preview = new Preview(at('preview'));
const verification = new Verification(at);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  Object.assign(made, attributes);
  return made;
}

/** A number of bytes, rounded for reading. */
function rounded(number) {
  const value = Number(number);
  const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), UNITS.length - 1);
  if (power === 0) {
    return bytes(number);
  }
  const scaled = value / 1024 ** power;
  return `${scaled.toFixed(scaled < 10 ? 1 : 0)} ${UNITS[power]}`;
}

function place({ tag, val }) {
  return tag === 'loose' ? 'loose' : `pack ${val.pack}${val.compressed ? ', compressed' : ''}`;
}

function facts({ size, placement: { tag, val } }) {
  if (tag === 'loose') {
    return `${bytes(size)}; loose, a file of its own.`;
  }
  const form = val.compressed ? `, compressed to ${bytes(val.length)},` : '';
  return `${bytes(size)}${form} at byte ${val.offset.toLocaleString('en')} of packs/${val.pack}.`;
}

function fail(error) {
  at('status').textContent = '';
  at('failure').textContent = error.message;
  at('failure').hidden = false;
}

function tiles(stats) {
  const objects = stats.packedObjects + stats.looseObjects - stats.loosePacked;
  const numbers = [
    ['Objects', objects.toLocaleString('en')],
    ['Loose', stats.looseObjects.toLocaleString('en')],
    ['Packed', stats.packedObjects.toLocaleString('en')],
    ['Packs', `${stats.packs.toLocaleString('en')}`],
    ['Size of packs', rounded(stats.packsSize)],
    ['Size of loose', rounded(stats.looseSize)],
  ];
  at('tiles').replaceChildren(...numbers.map(([name, number]) => {
    const tile = element('div', '', { className: 'tile' });
    tile.append(element('dt', name), element('dd', number));
    return tile;
  }));
}

/** Opens a container; `name` is what the person calls it. */
async function open(name, source) {
  engine?.end();
  at('opened').hidden = true;
  at('failure').hidden = true;
  at('status').textContent = 'Opening...';
  const opening = new Engine();
  engine = opening;
  verification.reset(engine);
  try {
    const report = (count) => { at('status').textContent = `Found ${count.toLocaleString('en')} files...`; };
    const { id, damage, isListed } = await opening.call('open', source, report);
    at('container').textContent = id;
    at('damage').hidden = damage === undefined;
    at('damage').textContent = `${damage} Objects cannot be listed, but everything can be verified.`;
    at('unlisted').hidden = isListed;
    at('tiles').replaceChildren();
    at('opened').hidden = false;
    at('prefix').value = '';
    prefix = '';
    starts = [undefined];
    if (damage === undefined) {
      tiles(await opening.call('stats'));
      await list();
    } else {
      rows([]);
    }
    at('status').textContent = `Opened ${name}.`;
  } catch (error) {
    fail(error);
  }
}

function rows(objects) {
  at('list').tBodies[0].replaceChildren(...objects.map((object) => {
    const row = document.createElement('tr');
    const button = element('button', object.id, { type: 'button', className: 'id' });
    button.addEventListener('click', () => show(object));
    const head = element('th', '', { scope: 'row' });
    head.append(button);
    const size = element('td', rounded(object.size), { title: bytes(object.size) });
    row.append(head, size, element('td', place(object.placement)));
    return row;
  }));
  at('list').hidden = objects.length === 0;
}

/** Enables a button or not. One that is disabled passes its focus on. */
function turnable(button, isEnabled, other) {
  const hadFocus = document.activeElement === button;
  button.disabled = !isEnabled;
  if (hadFocus && !isEnabled) {
    other.disabled = false;
    other.focus();
  }
}

/** What the list shows. */
function summary(count, more) {
  const filter = prefix && ` whose ID starts with ${prefix}`;
  if (count === 0) {
    return `No object${filter}.`;
  }
  if (count === 1 && starts.length === 1) {
    return `One object${filter}.`;
  }
  const first = (starts.length - 1) * LIMIT + 1;
  const [from, to] = [first, first + count - 1].map((number) => number.toLocaleString('en'));
  return `Objects ${from} to ${to}${filter}${more ? '; more follow' : ''}.`;
}

async function list() {
  at('list').setAttribute('aria-busy', 'true');
  isListing = true;
  try {
    const { objects, more } = await engine.call('page', { prefix, after: starts.at(-1), limit: LIMIT });
    rows(objects);
    at('shown').textContent = summary(objects.length, more);
    last = objects.at(-1)?.id;
    turnable(at('previous'), starts.length > 1, at('next'));
    turnable(at('next'), more, at('previous'));
    at('pages').hidden = !more && starts.length === 1;
  } catch (error) {
    rows([]);
    at('shown').textContent = error.message;
  } finally {
    at('list').removeAttribute('aria-busy');
    isListing = false;
  }
}

async function show(object) {
  const dialog = at('object');
  const status = at('object-status');
  preview.clear();
  at('object-id').textContent = object.id;
  at('object-facts').textContent = facts(object);
  at('as-hex').setAttribute('aria-pressed', 'false');
  at('as-hex').disabled = true;
  at('download').onclick = () => download(object);
  status.textContent = 'Reading...';
  dialog.showModal();
  showings += 1;
  const showing = showings;
  const isShown = () => dialog.open && showing === showings;
  try {
    const content = await engine.call('preview', object.id);
    if (!isShown()) {
      return;
    }
    const say = async (asHex) => {
      const said = await preview.show(content, asHex);
      if (isShown() && said) {
        status.textContent = said;
      }
    };
    at('as-hex').onclick = () => {
      const asHex = at('as-hex').getAttribute('aria-pressed') !== 'true';
      at('as-hex').setAttribute('aria-pressed', String(asHex));
      say(asHex);
    };
    at('as-hex').disabled = false;
    await say(false);
  } catch (error) {
    if (isShown()) {
      status.textContent = error.message;
    }
  }
}

async function download({ id }) {
  const showing = showings;
  const say = (text) => {
    if (showing === showings) {
      at('object-status').textContent = text;
    }
  };
  try {
    const report = ({ done, size }) => say(`Read ${rounded(done)} of ${rounded(size)}...`);
    const url = URL.createObjectURL(await engine.call('content', id, report));
    element('a', '', { href: url, download: id }).click();
    // The browser has started the download by then.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    say('Downloaded; all bytes were checked against the ID.');
  } catch (error) {
    say(`Not downloaded. ${error.message}`);
  }
}

/** Opens what this server gives out below `text`, which is relative to the page. */
function openServed(text) {
  const url = new URL(text.endsWith('/') ? text : `${text}/`, location.href);
  if (url.origin !== location.origin) {
    fail(new Error(`This page reads from its own server only: ${location.origin}.`));
    return;
  }
  open(url.pathname, { url: url.origin + url.pathname });
}

at('files').addEventListener('change', ({ target }) => {
  const files = Array.from(target.files, (file) => [file.webkitRelativePath, file]);
  target.value = '';
  if (files.length > 0) {
    open(files[0][0].split('/')[0], { files });
  }
});

if (globalThis.showDirectoryPicker) {
  at('pick').hidden = false;
  at('files-label').hidden = true;
  at('pick').addEventListener('click', async () => {
    const handle = await showDirectoryPicker({ id: 'container' }).catch(() => undefined);
    if (handle) {
      open(handle.name || 'the folder', { handle });
    }
  });
}

at('served').addEventListener('submit', (event) => {
  event.preventDefault();
  openServed(at('url').value.trim());
});

at('search').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = at('prefix').value.trim().toLowerCase();
  if (!/^[0-9a-f]{0,64}$/.test(text)) {
    at('shown').textContent = 'An ID consists of the digits 0-9 and a-f.';
    return;
  }
  prefix = text;
  starts = [undefined];
  list();
});

at('next').addEventListener('click', () => {
  if (!isListing) {
    starts.push(last);
    list();
  }
});

at('previous').addEventListener('click', () => {
  if (!isListing) {
    starts.pop();
    list();
  }
});

at('close').addEventListener('click', () => at('object').close());
at('object').addEventListener('close', ({ target }) => {
  // The event comes late: another object may be shown by now.
  if (!target.open) {
    preview.clear();
  }
});

const given = new URLSearchParams(location.search).get('at');
if (given) {
  at('url').value = given;
  openServed(given);
}
