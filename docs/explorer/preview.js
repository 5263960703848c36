// Shows the beginning of an object without believing it: text as text, raster images by their first bytes, else hex.
// Nothing of an object ever becomes markup.

const TEXT_MAX = 64 << 10;
const HEX_MAX = 4 << 10;
const COLUMNS = 16;

const ascii = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

/** The type of a raster image, by its first bytes. */
export function imageType(bytes) {
  if (ascii(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') {
    return 'image/png';
  }
  if (ascii(bytes, 0, 3) === '\xff\xd8\xff') {
    return 'image/jpeg';
  }
  if (['GIF87a', 'GIF89a'].includes(ascii(bytes, 0, 6))) {
    return 'image/gif';
  }
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') {
    return 'image/webp';
  }
  return ascii(bytes, 4, 12) === 'ftypavif' ? 'image/avif' : undefined;
}

/** The text of bytes that are UTF-8 without control characters. Its last character may be cut off. */
export function textOf(bytes) {
  const cut = bytes.subarray(0, TEXT_MAX);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(cut, { stream: true });
    return /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Lines of position, bytes in hex, and ASCII characters. */
export function hexOf(bytes) {
  const lines = [];
  for (let start = 0; start < Math.min(bytes.length, HEX_MAX); start += COLUMNS) {
    const line = bytes.subarray(start, Math.min(start + COLUMNS, HEX_MAX));
    const digits = Array.from(line, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const letters = Array.from(line, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${start.toString(16).padStart(8, '0')}  ${digits.padEnd(COLUMNS * 3 - 1)}  ${letters}`);
  }
  return lines.join('\n');
}

function block(text, label, name) {
  const element = document.createElement('pre');
  element.textContent = text;
  element.className = name;
  element.tabIndex = 0;
  element.setAttribute('role', 'region');
  element.setAttribute('aria-label', label);
  if (name === 'text') {
    element.dir = 'auto';
  }
  return element;
}

/** An image, or undefined when it is none after all. */
async function picture(type, url) {
  const image = document.createElement('img');
  image.alt = `The object as an image of the type ${type}`;
  image.src = url;
  return image.decode().then(() => image, () => undefined);
}

/** A preview of an object in an element. */
export class Preview {
  #place;
  #url;
  // Counts what has been shown or cleared: an image that is decoded too late is dropped.
  #turn = 0;

  constructor(place) {
    this.#place = place;
  }

  clear() {
    this.#turn += 1;
    this.#place.replaceChildren();
    if (this.#url) {
      URL.revokeObjectURL(this.#url);
      this.#url = undefined;
    }
  }

  /** Shows the object's bytes, or the beginning of them. Resolves to what is shown; to undefined when it is no more. */
  async show({ bytes, isWhole, size }, asHex) {
    this.clear();
    const checked = isWhole ? 'checked against its ID' : 'not checked: only a whole object can be';
    const extent = (shown) => (BigInt(shown) >= size ? 'Whole object' : `First ${shown.toLocaleString('en')} bytes`);
    if (size === 0n) {
      return 'The object is empty.';
    }
    const type = imageType(bytes);
    if (type && isWhole && !asHex) {
      const turn = this.#turn;
      this.#url = URL.createObjectURL(new Blob([bytes], { type }));
      const image = await picture(type, this.#url);
      if (turn !== this.#turn) {
        return undefined;
      }
      if (image) {
        this.#place.append(image);
        return `Image, ${type}; ${checked}.`;
      }
    }
    const text = type || asHex ? undefined : textOf(bytes);
    if (text !== undefined) {
      this.#place.append(block(text, 'Text', 'text'));
      return `${extent(Math.min(bytes.length, TEXT_MAX))} as text; ${checked}.`;
    }
    this.#place.append(block(hexOf(bytes), 'Bytes in hex', 'hex'));
    return `${extent(Math.min(bytes.length, HEX_MAX))} in hex; ${checked}.`;
  }
}
