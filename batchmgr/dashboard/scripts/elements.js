// Elements of the page. A text becomes a text node, never HTML: the policy of the page forbids that anyway.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. Attributes that are functions are listeners; false, null and undefined are left out. */
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setShown(node, isShown) {
  if (node.hidden === isShown) node.hidden = !isShown;
}

const shownBefore = new WeakMap();

/** Build what is in `parent` anew if `content` has changed. Keeps the focus on what has the same data-key. */
function redraw(parent, content, build) {
  const now = JSON.stringify(content);
  if (shownBefore.get(parent) === now) return;
  shownBefore.set(parent, now);
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const open = new Set([...parent.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
  parent.replaceChildren(...[build()].flat(Infinity).filter(Boolean));
  for (const one of parent.querySelectorAll("[data-key]")) {
    if (one.dataset.key === focused) one.focus({ preventScroll: true });
    if (open.has(one.dataset.key)) one.open = true;
  }
}

/** A list of names and values. A value may be an element. */
function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return element(
    "dl",
    { class: "facts" },
    shown.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

/** Give a table. `head` has the name of each column; a cell of a row is a text or an element. */
function table(caption, head, rows) {
  const cell = (tag, value, column) =>
    element(
      tag,
      {
        class: head[column].number ? "number" : head[column].wide ? "wide" : false,
        scope: tag === "th" && "col",
      },
      value,
    );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          head.map((one, column) => cell("th", one.name, column)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((row) =>
          element(
            "tr",
            {},
            row.map((value, column) => cell("td", value, column)),
          ),
        ),
      ),
    ),
  );
}

/** Have the browser save a file. */
function save(name, parts, type) {
  const uri = URL.createObjectURL(new Blob(parts, { type }));
  element("a", { href: uri, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(uri), 60_000);
}
