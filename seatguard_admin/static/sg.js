// What Seatguard's pages do beyond links and forms. Every action works without this module.
// It touches only what lies inside .sg, reacts only to data-sg-* attributes, and leaves no global behind.

const root = document.querySelector(".sg");
const all = (selector, within = root) => [...within.querySelectorAll(selector)];
const one = (selector, within = root) => within.querySelector(selector);
const texts = one("[data-sg-texts]")?.dataset ?? {};

// Telling

function say(text) {
  const live = one("[data-sg-live]");
  if (!live) return;
  live.textContent = "";
  // Said anew also when it is the same text: a live region only tells of changes.
  setTimeout(() => { live.textContent = text; }, 50);
}

function toast(text) {
  const box = document.createElement("div");
  box.textContent = text;
  one("[data-sg-toasts]")?.append(box);
  setTimeout(() => box.remove(), 8000);
}

// Regions: a part of the page is fetched and put in place, and the address follows

let underway;

async function swap(address, id, { push = true, quiet = false } = {}) {
  const region = document.getElementById(id);
  if (!region) {
    location.assign(address);
    return;
  }
  underway?.abort();
  const mine = underway = new AbortController();
  region.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { "X-SG-Partial": id }, signal: mine.signal });
    const made = parsed(await answer.text()).getElementById(id);
    if (!answer.ok || !made) throw new Error(String(answer.status));
    const before = focusIn(region);
    region.replaceWith(made);
    if (push) history.pushState({ sg: id }, "", address);
    prepare(made);
    refocus(made, before);
    if (!quiet) say(made.dataset.sgStatus ?? "");
  } catch (error) {
    if (error.name === "AbortError") return;
    region.removeAttribute("aria-busy");
    if (!quiet) toast(texts.sgStale ?? "");
  }
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

function focusIn(region) {
  const active = document.activeElement;
  if (!region.contains(active)) return null;
  const caret = active.selectionStart === undefined ? null : [active.selectionStart, active.selectionEnd];
  return { id: active.id, value: active.value, caret };
}

function refocus(region, before) {
  if (!before) return;
  const again = before.id && document.getElementById(before.id);
  if (!again) {
    region.tabIndex = -1;
    region.focus({ preventScroll: true });
    return;
  }
  again.focus({ preventScroll: true });
  if (before.caret && before.caret[0] !== null) {
    again.value = before.value;
    again.setSelectionRange(...before.caret);
  }
}

function addressOf(form) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) fields.append(name, value);
  const query = fields.toString();
  return form.getAttribute("action") + (query ? `?${query}` : "");
}

addEventListener("popstate", (event) => {
  const id = event.state?.sg ?? one("[data-sg-region]")?.id;
  if (id) swap(location.href, id, { push: false });
});

// A region that keeps itself new: not while it is hidden, in use, or behind a dialog

function keepNew() {
  const region = one("[data-sg-refresh]");
  if (!region) return;
  setInterval(() => {
    const now = document.getElementById(region.id);
    const used = now.contains(document.activeElement) || one("details[open]", now) || one("dialog[open]");
    if (!document.hidden && !used) swap(location.href, region.id, { push: false, quiet: true });
  }, Number(region.dataset.sgRefresh) * 1000);
}

// Dialogs: the same forms, in front of the page

const dialog = document.getElementById("sg-dialog");
let opener;

async function open(address, from) {
  opener = from;
  await fill(await fetch(address, { headers: { "X-SG-Partial": "dialog" } }));
  if (!dialog.open) dialog.showModal();
  one("[data-sg-focus]", dialog)?.focus();
}

async function fill(answer) {
  const address = answer.headers.get("X-SG-Location");
  if (address) {
    location.assign(address);
    return;
  }
  // A page instead of a part means that the session is over: it wants the whole window.
  const made = parsed(await answer.text());
  if (one(".sg-narrow", made)) {
    location.reload();
    return;
  }
  dialog.replaceChildren(...made.body.childNodes);
  prepare(dialog);
}

async function send(form) {
  const button = one("[type=submit]", form);
  button.disabled = true;
  try {
    await fill(await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { "X-SG-Partial": "dialog" },
    }));
    (one("[aria-invalid=true]", dialog) ?? one("[data-sg-focus]", dialog))?.focus();
  } catch {
    toast(texts.sgStale ?? "");
    button.disabled = false;
  }
}

dialog?.addEventListener("close", () => {
  dialog.replaceChildren();
  opener?.focus();
});

// A key that is shown once is not closed by accident.
dialog?.addEventListener("cancel", (event) => {
  if (one("[data-sg-stay]", dialog)) event.preventDefault();
});

// The palette: pages and things by the beginning of their names

const palette = document.getElementById("sg-palette");
const words = document.getElementById("sg-palette-input");
const found = document.getElementById("sg-palette-list");
let asked;
let waiting;

function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  words.value = "";
  list(all("[data-sg-key]").map((link) => ({ kind: "", name: link.textContent.trim(), hint: "", url: link.href })));
  words.focus();
}

async function look(text) {
  asked?.abort();
  asked = new AbortController();
  try {
    const address = `${palette.dataset.sgUrl}?q=${encodeURIComponent(text)}`;
    const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: asked.signal });
    list(await answer.json());
  } catch (error) {
    if (error.name !== "AbortError") toast(texts.sgStale ?? "");
  }
}

function list(hits) {
  found.replaceChildren(...hits.map((hit, at) => {
    const item = document.createElement("li");
    item.id = `sg-hit-${at}`;
    item.role = "option";
    item.dataset.sgUrl = hit.url;
    item.ariaSelected = String(at === 0);
    item.append(hit.name);
    const hint = document.createElement("small");
    hint.textContent = [hit.kind, hit.hint].filter(Boolean).join(" · ");
    item.append(hint);
    return item;
  }));
  point(0);
  say(palette.dataset.sgFound.replace("{n}", hits.length));
}

function point(at) {
  const items = [...found.children];
  items.forEach((item, index) => { item.ariaSelected = String(index === at); });
  if (!items[at]) {
    words.removeAttribute("aria-activedescendant");
    return;
  }
  items[at].scrollIntoView({ block: "nearest" });
  words.setAttribute("aria-activedescendant", items[at].id);
}

words?.addEventListener("input", () => {
  clearTimeout(waiting);
  const text = words.value.trim();
  if (text) waiting = setTimeout(() => look(text), 150);
});

palette?.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (item) location.assign(item.dataset.sgUrl);
  else if (event.target === palette) palette.close();
});

palette?.addEventListener("keydown", (event) => {
  const items = [...found.children];
  const at = items.findIndex((item) => item.ariaSelected === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && items.length) {
    event.preventDefault();
    point((at + step + items.length) % items.length);
  }
  if (event.key === "Enter" && items[at]) {
    event.preventDefault();
    location.assign(items[at].dataset.sgUrl);
  }
});

// Small helps

async function copy(button) {
  const source = document.getElementById(button.dataset.sgCopy);
  const label = one("span", button);
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent);
    label.textContent = button.dataset.sgCopied;
    say(texts.sgCopied ?? "");
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = button.dataset.sgFailed;
  }
  setTimeout(() => { label.textContent = before; }, 2000);
}

function count() {
  const bar = one("[data-sg-bulk]");
  if (!bar) return;
  const chosen = all(".sg-row-check:checked").length;
  bar.hidden = chosen === 0;
  one("[data-sg-chosen]", bar).textContent = (texts.sgSelected ?? "{n}").replace("{n}", chosen);
}

// An empty row like the last one, ready to be filled in.
function addRow(button) {
  const body = one("tbody", button.closest("[data-sg-rows]"));
  const row = body.lastElementChild.cloneNode(true);
  all("input", row).forEach((field) => { field.value = ""; });
  body.append(row);
  one("input", row).focus();
}

function languages(box) {
  if (one("[role=tablist]", box)) return;
  const blocks = all(".sg-code", box);
  const bar = document.createElement("div");
  bar.className = "sg-segments";
  bar.setAttribute("role", "tablist");
  bar.setAttribute("aria-label", box.dataset.sgTabs);
  const tabs = blocks.map((block) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.className = "sg-segment";
    tab.setAttribute("role", "tab");
    tab.textContent = one(".sg-code-head span", block).textContent;
    const panel = one("pre", block);
    tab.id = `${panel.id}-tab`;
    block.id = `${panel.id}-panel`;
    block.setAttribute("role", "tabpanel");
    block.setAttribute("aria-labelledby", tab.id);
    tab.setAttribute("aria-controls", block.id);
    return tab;
  });
  const show = (at) => tabs.forEach((tab, index) => {
    tab.setAttribute("aria-selected", String(index === at));
    tab.tabIndex = index === at ? 0 : -1;
    blocks[index].hidden = index !== at;
  });
  bar.addEventListener("click", (event) => show(tabs.indexOf(event.target.closest("button"))));
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    show(at);
    tabs[at].focus();
  });
  bar.append(...tabs);
  box.prepend(bar);
  show(0);
}

async function tryIt(form) {
  const answerBox = one("[data-sg-answer]", form);
  const began = performance.now();
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(Object.fromEntries([...new FormData(form)].filter(([, value]) => value))),
    });
    const took = Math.round(performance.now() - began);
    const kept = ["x-request-id", "retry-after"].filter((name) => answer.headers.has(name));
    const headers = kept.map((name) => `${name}: ${answer.headers.get(name)}\n`).join("");
    answerBox.textContent =
      `HTTP ${answer.status} ${answer.statusText} · ${took} ms\n${headers}\n${JSON.stringify(await answer.json(), null, 2)}`;
  } catch (error) {
    answerBox.textContent = `${answerBox.dataset.sgFailed} ${error.message}`;
  }
  say(answerBox.textContent.split("\n", 1)[0]);
}

async function theme(form) {
  const order = ["auto", "dark", "light"];
  const next = one("[name=theme]", form).value;
  await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
  root.dataset.sgTheme = next;
  one("[name=theme]", form).value = order[(order.indexOf(next) + 1) % order.length];
  say(texts.sgTheme ?? "");
}

function prepare(within) {
  // Of a row of tabs that is wider than the window, the current one is in sight.
  all(".sg-tabs-box", within).forEach((box) => {
    const tab = one("[aria-current]", box);
    if (tab && box.scrollWidth > box.clientWidth) box.scrollLeft = tab.offsetLeft - box.clientWidth / 3;
  });
  all("[data-sg-bulk]", within).forEach((bar) => { bar.hidden = true; });
  all("[data-sg-tabs]", within).forEach(languages);
  all("[data-sg-typed]", within).forEach((field) => {
    one("[type=submit]", field.form).disabled = field.value !== field.dataset.sgTyped;
  });
}

// Events, all of them inside .sg

let pause;

root.addEventListener("input", (event) => {
  const target = event.target;
  const form = target.closest("form[data-sg-swap]");
  if (form) {
    clearTimeout(pause);
    pause = setTimeout(() => swap(addressOf(form), form.dataset.sgSwap), target.type === "search" ? 250 : 0);
  }
  if (target.matches("[data-sg-all]")) all(".sg-row-check").forEach((box) => { box.checked = target.checked; });
  if (target.matches(".sg-row-check, [data-sg-all]")) count();
  if (target.matches("[data-sg-typed]")) {
    one("[type=submit]", target.form).disabled = target.value.trim() !== target.dataset.sgTyped;
  }
  if (target.matches("[data-sg-confirm]")) one("[type=submit]", target.form).disabled = !target.checked;
});

root.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-sg-export]")) {
    // The list may have been filtered since the page was made; all of it is in the address.
    const address = new URL(form.action);
    address.search = location.search;
    form.action = address.href;
    const range = new URLSearchParams(location.search).get("range");
    if (range && form.elements.range) form.elements.range.value = range;
  } else if (form.matches("[data-sg-swap]")) {
    event.preventDefault();
    clearTimeout(pause);
    swap(addressOf(form), form.dataset.sgSwap);
  } else if (form.matches("[data-sg-dialog-form]")) {
    event.preventDefault();
    send(form);
  } else if (form.matches("[data-sg-try]")) {
    event.preventDefault();
    tryIt(form);
  } else if (form.matches("[data-sg-theme-form]")) {
    event.preventDefault();
    theme(form);
  }
});

root.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  all(".sg-menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  const link = plain && at("a");
  if (link && link.matches("[data-sg-swap]")) {
    event.preventDefault();
    swap(link.href, link.dataset.sgSwap);
  } else if (link && link.matches("[data-sg-dialog]") && dialog) {
    event.preventDefault();
    open(link.href, link.closest(".sg-menu")?.querySelector("summary") ?? link);
    link.closest(".sg-menu")?.removeAttribute("open");
  } else if (link && link.matches("[data-sg-palette]") && palette) {
    event.preventDefault();
    openPalette();
  } else if (link && link.matches("[data-sg-export]")) {
    // The list may have been filtered since the page was made.
    link.search = location.search;
  }
  const button = at("button");
  if (button?.dataset.sgCopy) copy(button);
  if (button?.dataset.sgSet) document.getElementById(button.dataset.sgSet).value = button.dataset.sgValue;
  if (button?.hasAttribute("data-sg-add-row")) addRow(button);
  if (button?.hasAttribute("data-sg-close")) button.closest("dialog")?.close();
});

let went = 0;

document.addEventListener("keydown", (event) => {
  if (root.dataset.sgKeys !== "on") return;
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.key === "Escape") all(".sg-menu[open]").forEach((menu) => { menu.open = false; });
  const typing = event.target.closest("input, select, textarea, dialog, [contenteditable]");
  if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
  if (Date.now() - went < 900) {
    went = 0;
    const link = all("[data-sg-key]").find((item) => item.dataset.sgKey === event.key);
    if (link) location.assign(link.href);
    return;
  }
  if (event.key === "g") went = Date.now();
  if (event.key === "?") toast(texts.sgHelp ?? "");
  if (event.key === "n") one("[data-sg-new]")?.click();
  if (event.key === "/") {
    event.preventDefault();
    const field = one("input[type=search]");
    if (field) field.focus();
    else openPalette();
  }
});

prepare(root);
keepNew();
root.dataset.sgReady = "";
