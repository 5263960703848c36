// The page of the explorer, as a person uses it.

import { CONTENTS, sha256 } from './samples.mjs';

/** Texts of the page with less contrast than WCAG 2 asks for; runs in the page. */
function faint() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour).map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return channels(colour)[3] === 0 ? ground(element.parentElement) : colour;
  };
  const contrast = (element) => {
    const [dark, light] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const holdsText = (element) => [...element.childNodes].some(({ nodeType, data }) =>
    nodeType === Node.TEXT_NODE && data.trim());
  return [...document.querySelectorAll('body *')]
    .filter((element) => element.checkVisibility() && holdsText(element) && contrast(element) < 4.5)
    .map((element) => `${element.tagName} ${element.id}: ${element.textContent.slice(0, 40)}`);
}

export class Page {
  #browser;
  #url;

  constructor(browser, url) {
    this.#browser = browser;
    this.#url = url;
  }

  go(query = '') {
    return this.#browser.go(this.#url + query);
  }

  text(element) {
    return this.#browser.evaluate(`document.getElementById('${element}').innerText`);
  }

  click(element) {
    return this.#browser.evaluate(`document.getElementById('${element}').click()`);
  }

  opened() {
    return this.#browser.until(`document.getElementById('status').textContent.startsWith('Opened ')`);
  }

  /** The cells of the list. */
  rows() {
    return this.#browser.evaluate(`[...document.querySelectorAll('#list tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent))`);
  }

  /** Opens a folder of this machine. */
  async pick(folder) {
    await this.#browser.choose('#files', folder);
    await this.opened();
  }

  /** Opens a folder of the server. */
  async serveFrom(name) {
    await this.go(`?at=../${name}`);
    await this.opened();
  }

  async search(prefix) {
    await this.#browser.evaluate(`document.getElementById('shown').textContent = ''`);
    await this.#browser.evaluate(`document.getElementById('prefix').value = '${prefix}'`);
    await this.#browser.evaluate(`document.getElementById('search').requestSubmit()`);
    await this.#browser.until(`document.getElementById('shown').textContent !== ''`);
    return this.rows();
  }

  /** Shows one of the samples; what the page says of the preview. */
  async show(name) {
    await this.#browser.evaluate(`document.getElementById('object').close()`);
    await this.search(sha256(CONTENTS[name]));
    await this.#browser.evaluate(`document.querySelector('#list .id').click()`);
    await this.#browser.until(`!['', 'Reading...'].includes(document.getElementById('object-status').textContent)`);
    return this.text('object-status');
  }

  /** Texts that are hard to read. */
  faint() {
    return this.#browser.evaluate(`(${faint})()`);
  }

  /** The text of the preview. */
  previewed() {
    return this.#browser.evaluate(`document.querySelector('#preview pre')?.textContent`);
  }

  /** Verifies; what the page says of it, and the findings. */
  async verify() {
    await this.click('verify');
    await this.#browser.until(`!document.getElementById('verify').disabled`);
    const findings = await this.#browser.evaluate(`[...document.querySelectorAll('#findings li')].map((item) =>
      item.textContent)`);
    return { said: await this.text('verified'), findings };
  }
}
