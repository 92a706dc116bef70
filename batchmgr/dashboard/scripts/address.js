// Where the page is: the query string of its address. So a link leads to the same view, and Back leads back.

const address = {
  /** Values that the browser does not let us write into the address, as in a file that is opened. */
  own: new URLSearchParams(location.search),
  listeners: [],

  get(name) {
    return this.own.get(name) ?? "";
  },

  /** Change values; an empty one is left out. `replace` leaves no step for Back. */
  set(values, { replace = false } = {}) {
    const next = new URLSearchParams(this.own);
    for (const [name, value] of Object.entries(values)) {
      if (value === "" || value === null || value === undefined) next.delete(name);
      else next.set(name, value);
    }
    if (next.toString() === this.own.toString()) return;
    this.own = next;
    try {
      history[replace ? "replaceState" : "pushState"](null, "", this.link());
    } catch {
      /* a file: the view changes all the same */
    }
    this.tell();
  },

  link(values = null) {
    const query = (values ? new URLSearchParams(values) : this.own).toString();
    return query ? `?${query}` : "?";
  },

  tell() {
    for (const listener of this.listeners) listener();
  },
};

addEventListener("popstate", () => {
  address.own = new URLSearchParams(location.search);
  address.tell();
});

/** A link to a view of this page. */
function viewLink(values, attributes, ...children) {
  const follow = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const gone = Object.fromEntries([...address.own.keys()].map((name) => [name, ""]));
    address.set({ ...gone, ...values });
  };
  return element("a", { ...attributes, href: address.link(values), click: follow }, ...children);
}

/** Where the list of jobs is, with its filters as they are. */
function listPlace() {
  const names = ["q", "jobs", "since"];
  return Object.fromEntries(names.map((name) => [name, address.get(name)]).filter(([, value]) => value));
}

function jobPlace(jobId, more = {}) {
  return { ...listPlace(), job: jobId, ...more };
}
