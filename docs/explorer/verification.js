// The part of the page that verifies the container and lists what is found.

// Findings that are listed; all of them are counted.
const LISTED_MAX = 1000;

const KINDS = [
  ['problems', 'Damage'],
  ['unread', 'Not examined'],
  ['notes', 'Note'],
];

const count = (number, one, many) => `${number.toLocaleString('en')} ${number === 1 || number === 1n ? one : many}`;

export class Verification {
  #at;
  #engine;
  #counts;

  /** `at`: returns the element that has an ID. */
  constructor(at) {
    this.#at = at;
    at('verify').addEventListener('click', () => this.#run());
    at('stop').addEventListener('click', () => this.#engine.call('stop'));
  }

  /** Another container has been opened. */
  reset(engine) {
    this.#engine = engine;
    this.#running(false);
    this.#clear('');
  }

  #clear(text) {
    this.#counts = { problems: 0, unread: 0, notes: 0 };
    this.#at('findings').replaceChildren();
    this.#at('verified').className = '';
    this.#at('verified').textContent = text;
  }

  #running(isRunning) {
    const [verify, stop] = [this.#at('verify'), this.#at('stop')];
    const hadFocus = [verify, stop].includes(document.activeElement);
    verify.disabled = isRunning;
    stop.hidden = !isRunning;
    if (hadFocus) {
      (isRunning ? stop : verify).focus();
    }
    this.#at('progress').hidden = !isRunning;
  }

  #add(kind, label, { file, message }) {
    this.#counts[kind] += 1;
    const list = this.#at('findings');
    if (list.children.length >= LISTED_MAX) {
      return;
    }
    const item = document.createElement('li');
    item.className = kind;
    for (const [name, text] of [['b', label], ['code', file], ['span', message]]) {
      const part = document.createElement(name);
      part.textContent = text;
      item.append(part, ' ');
    }
    list.append(item);
  }

  #summary({ objects, bytes }, isFinished) {
    const { problems, unread } = this.#counts;
    const damage = problems === 0 ? 'No damage found' : `Damage found in ${count(problems, 'place', 'places')}`;
    const more = unread === 0 ? '' : `; ${count(unread, 'file', 'files')} not examined`;
    const read = `${count(objects, 'object', 'objects')} sound, ${count(bytes, 'byte', 'bytes')}`;
    return `${isFinished ? '' : 'Stopped early. '}${damage}${more}; ${read}.`;
  }

  async #run() {
    const engine = this.#engine;
    this.#running(true);
    this.#clear('Verifying...');
    let progress;
    const report = (step) => {
      if (engine !== this.#engine) {
        return;
      }
      progress = step;
      this.#at('progress').max = Math.max(Number(step.total), 1);
      this.#at('progress').value = Number(step.done);
      KINDS.forEach(([kind, label]) => step[kind].forEach((finding) => this.#add(kind, label, finding)));
    };
    try {
      const { finished } = await engine.call('verify', undefined, report);
      this.#at('verified').textContent = this.#summary(progress, finished);
      this.#at('verified').className = this.#counts.problems > 0 ? 'failure' : finished ? 'success' : '';
    } catch (error) {
      this.#at('verified').textContent = error.message;
      this.#at('verified').className = 'failure';
    } finally {
      if (engine === this.#engine) {
        this.#running(false);
      }
    }
  }
}
