"use strict";
// The section that keys walk through: the one last pointed at.
let active = document.querySelector("section.graph");
for (const root of document.querySelectorAll("section.graph")) {
  root.addEventListener("pointerdown", () => { active = root; });
  const items = [...root.querySelectorAll(".nodes > li")];
  const byName = new Map(items.map(li => [li.dataset.name, li]));
  const boxes = [...root.querySelectorAll("svg g")];
  const links = [...root.querySelectorAll("svg path")];
  const search = root.querySelector("input[type=search]");
  const parts = [...root.querySelectorAll("input[type=checkbox]")];
  const bodies = [...root.querySelectorAll("details.body")];
  const list = text => (text ? text.split(" ") : []);
  let chosen = null;

  // All that can be reached from `name` along an attribute, itself left out.
  function reach(name, along) {
    const found = new Set();
    const left = [name];
    while (left.length) {
      for (const next of list(byName.get(left.pop()).dataset[along])) {
        if (!found.has(next)) {
          found.add(next);
          left.push(next);
        }
      }
    }
    return found;
  }

  // Opens the bodies that an element is in.
  function unfold(element) {
    for (let body = element.closest("details.body"); body; body = body.parentElement.closest("details.body")) body.open = true;
  }

  function choose(li) {
    if (chosen && chosen !== li) chosen.querySelector("details").open = false;
    chosen = li;
    const name = li && li.dataset.name;
    const needs = li ? reach(name, "reads") : new Set();
    const feeds = li ? reach(name, "users") : new Set();
    const mark = (element, names) => {
      element.classList.toggle("chosen", names.includes(name));
      element.classList.toggle("needs", names.some(n => needs.has(n)));
      element.classList.toggle("feeds", names.some(n => feeds.has(n)));
    };
    for (const item of items) mark(item, [item.dataset.name]);
    for (const box of boxes) mark(box, list(box.dataset.nodes));
    for (const link of links) {
      const from = list(link.dataset.from), to = list(link.dataset.to);
      link.classList.toggle("needs", from.some(n => needs.has(n)) && to.some(n => n === name || needs.has(n)));
      link.classList.toggle("feeds", to.some(n => feeds.has(n)) && from.some(n => n === name || feeds.has(n)));
    }
    root.classList.toggle("walking", !!li);
    if (!li) return;
    li.querySelector("details").open = true;
    unfold(li);
    li.scrollIntoView({ block: "nearest" });
    const box = boxes.find(b => b.classList.contains("chosen"));
    const frame = box && box.closest("figure");
    if (frame) {
      const at = box.getBBox();
      frame.scrollTo(at.x + at.width / 2 - frame.clientWidth / 2, at.y - frame.clientHeight / 3);
    }
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(w => w);
    const off = new Set(parts.filter(p => !p.checked).map(p => p.value));
    let shown = 0;
    for (const item of items) {
      const text = item.querySelector("summary").textContent.toLowerCase();
      item.hidden = [...off].some(p => item.classList.contains(p)) || !words.every(w => text.includes(w));
      if (!item.hidden) shown += 1;
    }
    // A search opens the bodies in which it finds something, and closes them again.
    for (const body of bodies) {
      const found = !!body.querySelector(".nodes > li:not([hidden])");
      body.hidden = !found;
      if (words.length && found && !body.open) body.dataset.found = "";
      if (words.length && found) body.open = true;
      else if ("found" in body.dataset && !words.length) {
        body.open = false;
        delete body.dataset.found;
      }
    }
    root.querySelector(".count").textContent = `${shown} of ${items.length} nodes`;
  }

  function step(by) {
    const shown = items.filter(i => !i.hidden && !i.closest("details.body:not([open])"));
    if (!shown.length) return;
    const at = shown.indexOf(chosen);
    const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : at + by;
    if (next >= 0 && next < shown.length) choose(shown[next]);
  }

  for (const item of items) {
    item.querySelector("summary").addEventListener("click", event => {
      event.preventDefault();
      choose(item === chosen ? null : item);
      if (chosen !== item) item.querySelector("details").open = false;
    });
  }
  for (const box of boxes) {
    box.addEventListener("click", () => {
      const names = list(box.dataset.nodes);
      if (names.length > 1) {
        search.value = box.querySelector("text").textContent;
        filter();
      }
      choose(byName.get(names[0]));
    });
  }
  search.addEventListener("input", filter);
  parts.forEach(p => p.addEventListener("change", filter));
  root.addEventListener("click", event => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    event.preventDefault();
    show(link.getAttribute("href"));
  });
  document.addEventListener("keydown", event => {
    if (root !== active || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      search.value = "";
      search.blur();
      filter();
      choose(null);
    } else if (event.target !== search) {
      if (event.key === "n") step(1);
      else if (event.key === "p") step(-1);
      else if (event.key === "/") {
        event.preventDefault();
        search.focus();
      }
    }
  });
  // The node %5 at #n5, the body number 2 at #b2.
  function show(hash) {
    const body = bodies.find(b => b.id === hash.slice(1));
    const li = hash.startsWith("#n") && byName.get(hash.slice(2));
    if (body) {
      unfold(body);
      body.scrollIntoView();
    } else if (li) choose(li);
  }
  filter();
  show(location.hash);
}
