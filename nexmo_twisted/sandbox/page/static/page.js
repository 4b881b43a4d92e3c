// The sandbox's page: draws what the server's events tell, and asks it to do what is clicked.
"use strict";

const $ = (id) => document.getElementById(id);
const SIGNS = { came: "→", wait: "…", none: "–", sent: "✉", good: "✓", bad: "!" };
const TONES = { came: "received", wait: "waits", none: "nothing to do", sent: "sent", good: "done", bad: "trouble" };
const NEXT = { sent: ["delivered", "read"], delivered: ["read"], read: [] };

let view = null;
let chosen = "";      // the conversation that is shown, as long as there is one of that id
let ahead = 0;        // ms that the sandbox's clock is ahead of this browser's

// Drawing

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Only what differs is touched, so that focus, half-written texts and screen readers are left in peace.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function list(parent, items, key, create, update) {
  const wanted = new Set(items.map(key));
  for (const child of [...parent.children]) if (!wanted.has(child.dataset.key)) child.remove();
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = before.get(name);
    if (child === undefined) {
      child = create(item);
      child.dataset.key = name;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
}

const part = (element, name) => element.querySelector(`.${name}`);
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
const conversation = () => view.conversations.find((each) => each.id === chosen) ?? view.conversations[0];
const nameOf = (user) => view.users.find((each) => each.id === user)?.name ?? user;

function span(seconds) {
  const units = [["week", 604800], ["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const words = [];
  for (const [unit, size] of units) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count) words.push(`${count} ${unit}${count > 1 && size > 3600 ? "s" : ""}`);
  }
  return words.slice(0, 2).join(" ") || "0 s";
}

function draw() {
  put($("ahead"), view.ahead >= 1 ? `(${span(Math.round(view.ahead))} skipped)` : "");
  put($("health"), view.registered ? "The service runs" : "The service is starting …");
  for (const button of $("skips").querySelectorAll("button")) button.setAttribute("aria-disabled", String(view.skipping));
  drawChat();
  drawStories();
  drawTrouble();
  drawHandsets();
}

function drawChat() {
  const shown = conversation();
  list($("conversations"), view.conversations, (each) => each.id,
    (each) => make("button", { type: "button", onclick: () => { chosen = each.id; draw(); } }),
    (button, each) => {
      put(button, each.name);
      button.setAttribute("aria-current", String(each === shown));
    });
  put($("conversation-name"), shown ? shown.participants.map(nameOf).join(", ") : "");
  const log = $("messages");
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  list(log, shown?.messages ?? [], (message) => message.id, makeMessage, updateMessage);
  if (atEnd) log.scrollTop = log.scrollHeight;
  $("empty").hidden = !shown || shown.messages.length > 0;
  const sender = $("sender");
  list(sender, (shown?.participants ?? []).map((user) => ({ user })), ({ user }) => user,
    ({ user }) => make("option", { value: user }), (option, { user }) => put(option, nameOf(user)));
  list($("people"), view.users, (user) => user.id,
    (user) => make("label", {}, make("input", { type: "checkbox", name: "with", value: user.id }), make("span")),
    (label, user) => put(label.lastChild, ` ${user.name}`));
}

function makeMessage(message) {
  return make("li", {},
    make("div", { class: "head" }, make("strong", { class: "who" }), make("time", { class: "at" }),
      make("button", { type: "button", "aria-label": `Delete the message: ${message.text}`,
        onclick: () => post("deleted", { message: message.id }) }, "Delete")),
    make("p", { class: "text" }),
    make("div", { class: "statuses" }));
}

function updateMessage(item, message) {
  put(part(item, "who"), message.name);
  put(part(item, "at"), clock(message.at));
  put(part(item, "text"), message.text);
  const others = Object.entries(message.status).filter(([user]) => user !== message.sender);
  list(part(item, "statuses"), others, ([user]) => user, () => make("span", {}, make("span"), make("span")),
    (place, [user, status]) => {
      put(place.firstChild, `${nameOf(user)}: ${status} `);
      list(place.lastChild, NEXT[status] ?? [], (step) => step,
        (step) => make("button", { type: "button", "aria-label": `${nameOf(user)}: mark ${step}`,
          onclick: () => post(step, { message: message.id, user }) }, step), () => {});
    });
}

function drawStories() {
  const stories = view.stories.filter((story) => story.lines.length).reverse();
  list($("stories"), stories, (story) => story.id,
    () => make("article", { class: "story" }, make("h3"), make("p", { class: "due" }), make("ol")),
    (article, story) => {
      put(article.firstChild, story.title);
      article.dataset.due = story.due ?? "";
      list(article.lastChild, story.lines, (line) => String(line.number),
        (line) => make("li", { class: `tone-${line.tone}` }, make("time", {}, clock(line.at)),
          make("span", { "aria-hidden": "true" }, SIGNS[line.tone]),
          make("span", {}, make("span", { class: "hidden" }, `${TONES[line.tone]}: `), line.text)),
        () => {});
    });
}

function drawTrouble() {
  list($("cases"), view.cases, (each) => each.id,
    (each) => make("li", {}, make("button", { type: "button", onclick: () => post("cases", { id: each.id }) }), make("span")),
    (item, each) => {
      put(item.firstChild, each.playing ? `${each.title} …` : each.title);
      put(item.lastChild, each.shows);
    });
  put($("fault-count"), view.faults.length ? `(${view.faults.length} set)` : "");
  list($("faults"), view.faults.map((fault, index) => ({ fault, index })), ({ index }) => String(index),
    () => make("li"), (item, { fault }) => put(item, described(fault)));
  $("clear").hidden = view.faults.length === 0;
}

function described(fault) {
  const does = [];
  if (fault.delay) does.push(`after ${fault.delay} s`);
  if (fault.done) does.push("do it, then");
  if (fault.drop) does.push("drop the connection");
  if (fault.status) does.push(`answer HTTP ${fault.status}`);
  if (fault.nexmo_status) does.push(`answer code ${fault.nexmo_status}`);
  const whom = [fault.path, fault.number, fault.text && `“${fault.text}”`].filter(Boolean).join(" ");
  const left = fault.times ? `${fault.times - fault.met} left` : "always";
  return `${whom || "everything"}: ${does.join(" ") || "go on as always"} (${left})`;
}

function drawHandsets() {
  list($("handsets"), view.handsets, (handset) => handset.msisdn,
    (handset) => make("section", { class: "handset", "aria-label": `Handset ${handset.owner || handset.shown}` },
      make("div", { class: "head" }, make("h3"), make("span", { class: "faint" })),
      make("p", { class: "faint" }, "No SMS yet."), make("div", { class: "threads" })),
    (section, handset) => {
      put(section.querySelector("h3"), handset.owner || handset.shown);
      put(part(section, "faint"), handset.owner ? handset.shown : "");
      section.children[1].hidden = handset.threads.length > 0;
      list(part(section, "threads"), handset.threads, (thread) => thread.number,
        (thread) => makeThread(handset, thread), updateThread);
    });
}

function makeThread(handset, thread) {
  const owner = handset.owner || handset.shown;
  const input = make("input", { name: "text", placeholder: "Text message", autocomplete: "off", required: "",
    "aria-label": `Answer as ${owner} to ${thread.shown}` });
  const form = make("form", {}, make("label", { class: "grow" }, input), make("button", {}, "Reply"));
  form.addEventListener("submit", (event) => submit(event, "replies",
    () => ({ handset: handset.msisdn, number: thread.number, text: input.value }), () => { input.value = ""; }));
  return make("section", { class: "thread", "aria-label": `SMS thread of ${owner} with ${thread.shown}` },
    make("h4", {}, thread.shown), make("div", { role: "log" }, make("ol", { class: "bubbles" })), form);
}

function updateThread(section, thread) {
  const log = part(section, "bubbles");
  const count = log.children.length;
  list(log, thread.messages, (sms) => String(sms.number),
    (sms) => make("li", { class: sms.direction, title: clock(sms.at) },
      make("span", { class: "hidden" }, sms.direction === "sent" ? "Sent: " : "Received: "), sms.text), () => {});
  if (log.children.length > count) log.scrollTop = log.scrollHeight;
}

function tick() {
  if (view === null) return;
  const now = Date.now() + ahead;
  const date = new Date(now).toLocaleDateString([], { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  put($("clock"), `${date}, ${clock(now / 1000)}`);
  for (const article of $("stories").children) {
    const left = Math.ceil(Number(article.dataset.due) - now / 1000);
    put(part(article, "due"), article.dataset.due === "" ? "" : left > 0 ? `due in ${span(left)}` : "due now");
  }
}

// Doing

async function post(what, body, method = "POST") {
  put($("error"), "");
  try {
    const answer = await fetch(`control/${what}`, { method, body: body && JSON.stringify(body) });
    if (answer.ok) return true;
    const said = await answer.json().catch(() => ({}));
    put($("error"), `That did not work: ${said.error ?? `the sandbox answers ${answer.status}`}.`);
  } catch {
    put($("error"), "The sandbox does not answer. Does it still run?");
  }
  return false;
}

async function submit(event, what, body, done) {
  event.preventDefault();
  if (await post(what, body())) done();
}

function form(id, what, body, done = (element) => element.reset()) {
  $(id).addEventListener("submit", (event) => submit(event, what, () => body($(id).elements), () => done($(id))));
}

form("write", "messages", ({ sender, text }) => ({ conversation: conversation().id, sender: sender.value, text: text.value }),
  (element) => { element.elements.text.value = ""; });
form("start", "conversations", ({ name }) => ({
  participants: [...$("people").querySelectorAll(":checked")].map((box) => box.value), name: name.value }));
form("person", "users", ({ id, name, phone }) => ({ id: id.value, name: name.value, phone: phone.value }));
form("fault", "faults", ({ path, number, text, what, value, delay, done, times }) => {
  const fault = { path: path.value, number: number.disabled ? "" : number.value.replace(/\D/g, ""), text: text.value,
    delay: Number(delay.value), times: Number(times.value), done: done.checked };
  if (what.value === "drop") fault.drop = true;
  else if (what.value) fault[what.value] = what.value === "status" ? Number(value.value) : value.value;
  return fault;
}, () => {});
$("what").addEventListener("change", ({ target }) => {
  const value = $("fault").elements.value;
  value.disabled = !["status", "nexmo_status"].includes(target.value);
  value.value = target.value === "status" ? "503" : "1";
});
$("fault").elements.path.addEventListener("change", ({ target }) => {  // Layer is asked nothing about a number
  $("fault").elements.number.disabled = ["/users/", "/layer/"].includes(target.value);
});
$("clear").addEventListener("click", () => post("faults", undefined, "DELETE"));
for (const button of $("skips").querySelectorAll("button")) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    for (const each of $("skips").querySelectorAll("button")) each.setAttribute("aria-disabled", "true");
    await post("skip", { by: button.dataset.skip });
    for (const each of $("skips").querySelectorAll("button")) each.setAttribute("aria-disabled", "false");
  });
}

// The server's events

const events = new EventSource("events");
events.onmessage = ({ data }) => {
  const told = JSON.parse(data);
  ahead = told.now * 1000 - Date.now();
  if (told.view) view = told.view;
  draw();
  tick();
};
events.onerror = () => put($("health"), "The sandbox does not answer; trying again …");
setInterval(tick, 500);
