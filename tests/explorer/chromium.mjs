// Chromium without a window, driven over its DevTools protocol through a pipe.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];
const SWITCHES = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
  '--disable-background-networking', '--remote-debugging-pipe'];
const PATIENCE = 60_000;

/** The program that `LOOSEPACK_BROWSER` names, or Chromium; undefined when there is none. */
export function program() {
  const starts = (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
  return [process.env.LOOSEPACK_BROWSER, ...PROGRAMS].filter(Boolean).find(starts);
}

const delay = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** A browser with one page. */
export class Browser {
  #child;
  #profile;
  #attached;
  #number = 0;
  #waiting = new Map();
  // What the page's console and its exceptions said.
  messages = [];

  static async start() {
    const browser = new Browser();
    browser.#profile = fs.mkdtempSync(path.join(os.tmpdir(), 'loosepack-browser-'));
    browser.#child = spawn(program(), [...SWITCHES, `--user-data-dir=${browser.#profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    browser.#listen(browser.#child.stdio[4]);
    const { targetInfos } = await browser.send('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }) => type === 'page');
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    browser.#attached = sessionId;
    for (const domain of ['Page', 'Runtime', 'DOM', 'Log']) {
      await browser.send(`${domain}.enable`);
    }
    return browser;
  }

  #listen(stream) {
    let rest = Buffer.alloc(0);
    stream.on('data', (data) => {
      const pieces = Buffer.concat([rest, data]);
      let start = 0;
      for (let end = pieces.indexOf(0); end !== -1; end = pieces.indexOf(0, start)) {
        this.#hear(JSON.parse(pieces.toString('utf8', start, end)));
        start = end + 1;
      }
      rest = pieces.subarray(start);
    });
  }

  #hear({ id, result, error, method, params }) {
    if (method === 'Runtime.consoleAPICalled') {
      this.messages.push(params.args.map(({ value }) => value).join(' '));
    } else if (method === 'Runtime.exceptionThrown') {
      this.messages.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === 'Log.entryAdded') {
      this.messages.push(`${params.entry.text} ${params.entry.url ?? ''}`);
    }
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (error) {
      reject?.(new Error(error.message));
    } else {
      resolve?.(result);
    }
  }

  send(method, params = {}) {
    this.#number += 1;
    const id = this.#number;
    this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId: this.#attached })}\0`);
    return new Promise((resolve, reject) => { this.#waiting.set(id, { resolve, reject }); });
  }

  async go(url) {
    await this.send('Page.navigate', { url });
    await this.until(`location.href === ${JSON.stringify(url)} && document.readyState === 'complete'`);
  }

  /** The value of an expression in the page; promises are waited for. */
  async evaluate(expression) {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', options);
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Waits until an expression is true in the page. */
  async until(expression) {
    for (const end = Date.now() + PATIENCE; ; await delay(20)) {
      if (await this.evaluate(expression).catch(() => false)) {
        return;
      }
      if (Date.now() > end) {
        const shown = await this.evaluate('document.body.innerText');
        throw new Error(`never true: ${expression}\n${this.messages.join('\n')}\n${shown}`);
      }
    }
  }

  /** Chooses files or a folder in the file input that the selector finds. */
  async choose(selector, ...files) {
    const { root } = await this.send('DOM.getDocument');
    const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    await this.send('DOM.setFileInputFiles', { nodeId, files });
  }

  /** Presses a key. */
  async press(key, text) {
    const code = { Tab: 9, Enter: 13, Escape: 27 }[key];
    const event = { key, code: key, windowsVirtualKeyCode: code, text };
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyDown' });
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
  }

  async window(width, height, scheme) {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.send('Emulation.setEmulatedMedia', { features });
  }

  /** Writes a picture of the window. */
  async picture(file) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }

  async end() {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
    // Its other processes may write for a moment longer.
    fs.rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
