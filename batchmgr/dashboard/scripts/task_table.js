// The tasks of a job: filters, sorting, and a table of which only the visible rows are elements.

const ROW_HEIGHT = 30;
const ROWS_AROUND = 12;
const COLUMNS = [
  ["state", "State"],
  ["task", "Task"],
  ["kind", "Kind", "optional"],
  ["node", "Node", "optional"],
  ["wait", "Started after", "number optional"],
  ["runTime", "Ran for", "number"],
  ["exitCode", "Exit", "number"],
  ["error", "Error"],
  ["retries", "Retries", "number optional"],
  ["requeues", "Requeues", "number optional"],
];
const FILTERS = ["text", "state", "kind", "node", "exitCode", "error"];

class TaskTable {
  constructor() {
    this.rows = new Uint32Array(0);
    this.cursor = -1;
    this.body = element("tbody", {});
    this.scroll = element(
      "div",
      {
        class: "scroll tall",
        tabindex: "0",
        role: "region",
        "aria-label": "Table of tasks",
        scroll: () => this.draw(),
      },
      element(
        "table",
        { id: "tasks" },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            COLUMNS.map((column) => this.head(column)),
          ),
        ),
        this.body,
      ),
    );
    this.said = element("p", { class: "quiet", role: "status" });
    this.search = element("input", {
      id: "search",
      type: "search",
      placeholder: "part of a task's id",
      input: () => this.filter({ text: this.search.value }),
    });
    this.choices = Object.fromEntries(
      ["state", "kind", "node", "error"].map((name) => [
        name,
        element("select", { change: () => this.filter({ [name]: this.choices[name].value }) }),
      ]),
    );
    this.exit = element("input", {
      type: "text",
      inputmode: "numeric",
      size: "4",
      input: () => this.filter({ exitCode: this.exit.value.trim() }),
    });
    this.node = element(
      "section",
      { "aria-label": "Tasks" },
      element("h2", {}, "Tasks"),
      element(
        "form",
        { class: "row", role: "search", submit: (event) => event.preventDefault() },
        element("label", { class: "grow" }, "Search ", this.search),
        Object.entries({ state: "State", kind: "Kind", node: "Node", error: "Error" }).map(([name, text]) =>
          element("label", {}, `${text} `, this.choices[name]),
        ),
        element("label", {}, "Exit code ", this.exit),
        element(
          "button",
          { type: "button", click: () => this.filter(Object.fromEntries(FILTERS.map((name) => [name, ""]))) },
          "Clear",
        ),
        element("button", { type: "button", click: () => this.saveCsv() }, "CSV"),
      ),
      this.said,
      this.scroll,
    );
  }

  head([name, text, style = ""]) {
    const sort = () => this.filter({ sort: address.get("sort") === name ? `-${name}` : name });
    return element(
      "th",
      { scope: "col", class: style, "data-sort": name },
      element("button", { type: "button", click: sort }, text),
    );
  }

  filter(values) {
    address.set(values, { replace: true });
  }

  /** Show these tasks, as the address asks. The scroll position stays. */
  show(columns) {
    const filter = Object.fromEntries(FILTERS.map((name) => [name, address.get(name)]));
    const asked = JSON.stringify([filter, address.get("sort")]);
    if (this.columns !== columns || this.asked !== asked) {
      Object.assign(this, { columns, asked, rows: columns.select(filter, address.get("sort")), drawn: null });
      this.showFilter(columns, filter);
    }
    this.cursor = this.rows.indexOf(columns.rowOf(address.get("task") || this.cursorId));
    this.draw();
  }

  showFilter(columns, filter) {
    if (document.activeElement !== this.search) this.search.value = filter.text;
    if (document.activeElement !== this.exit) this.exit.value = filter.exitCode;
    for (const [name, list] of [
      ["state", "states"],
      ["kind", "kinds"],
      ["node", "nodes"],
      ["error", "errors"],
    ]) {
      const values =
        filter[name] && !columns[list].includes(filter[name])
          ? [...columns[list], filter[name]]
          : columns[list];
      redraw(this.choices[name], values, () =>
        ["", ...values].map((value) => element("option", { value }, value || "any")),
      );
      this.choices[name].value = filter[name];
    }
    for (const head of this.node.querySelectorAll("th")) {
      const sort = address.get("sort"),
        isThis = sort.replace("-", "") === head.dataset.sort;
      if (isThis) head.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const missing = columns.missing
      ? ` ${plural(columns.missing, "task")} of this job ${columns.missing === 1 ? "is" : "are"} ` +
        "not in this list: they wait, or have just started."
      : "";
    const note = columns.note ? ` ${columns.note}` : "";
    const shown = `${number(this.rows.length)} of ${plural(columns.size, "task")} shown.`;
    setText(this.said, shown + missing + note);
  }

  draw() {
    if (!this.columns) return;
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / ROW_HEIGHT) - ROWS_AROUND);
    const last = Math.min(
      this.rows.length,
      first + Math.ceil((this.scroll.clientHeight || 600) / ROW_HEIGHT) + 2 * ROWS_AROUND,
    );
    const key = `${first}-${last}-${this.cursor}`;
    if (this.drawn === key) return;
    this.drawn = key;
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const rows = Array.from(this.rows.subarray(first, last), (row, at) => this.row(row, first + at));
    this.body.replaceChildren(this.space(first), ...rows, this.space(this.rows.length - last));
    if (focused)
      this.body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    this.scroll.querySelector("table").setAttribute("aria-rowcount", `${this.rows.length + 1}`);
  }

  space(rows) {
    const space = element(
      "tr",
      { class: "space", "aria-hidden": "true" },
      element("td", { colspan: `${COLUMNS.length}` }),
    );
    space.style.height = `${rows * ROW_HEIGHT}px`;
    return space;
  }

  row(row, at) {
    const { columns } = this,
      id = columns.taskId[row],
      state = columns.name("states", columns.state[row]);
    const isSoFar = columns.state[row] === columns.running;
    const cells = {
      state: state || "unknown",
      task: this.link(id),
      kind: columns.name("kinds", columns.kind[row]),
      node: columns.name("nodes", columns.node[row]),
      wait: duration(columns.start[row]),
      runTime: duration(columns.runTime(row)) + (isSoFar ? " so far" : ""),
      exitCode: columns.exitCode[row] ?? "",
      error: columns.name("errors", columns.error[row]),
      retries: columns.retries[row] || "",
      requeues: columns.requeues[row] || "",
    };
    return element(
      "tr",
      { "aria-rowindex": `${at + 2}`, "aria-current": at === this.cursor ? "true" : null },
      COLUMNS.map(([name, , style]) =>
        element("td", { class: name === "state" ? toneOf(state) : style }, cells[name]),
      ),
    );
  }

  link(id) {
    return element(
      "a",
      {
        href: address.link({ ...Object.fromEntries(address.own), task: id }),
        "data-key": id,
        click: (event) => {
          if (!event.ctrlKey && !event.metaKey) {
            event.preventDefault();
            address.set({ task: id });
          }
        },
      },
      id,
    );
  }

  /** Move the cursor, and have its row in sight. */
  move(by) {
    if (!this.rows.length) return;
    this.cursor = Math.min(this.rows.length - 1, Math.max(0, this.cursor + by));
    this.cursorId = this.columns.taskId[this.rows[this.cursor]];
    const top = this.cursor * ROW_HEIGHT,
      space = this.scroll.clientHeight - 2 * ROW_HEIGHT;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    if (top > this.scroll.scrollTop + space) this.scroll.scrollTop = top - space;
    this.scroll.scrollIntoView({ block: "nearest" });
    this.draw();
    if (address.get("task")) this.open();
  }

  open() {
    if (this.cursor >= 0)
      address.set(
        { task: this.columns.taskId[this.rows[this.cursor]] },
        { replace: address.get("task") !== "" },
      );
  }

  saveCsv() {
    const { columns } = this;
    if (!columns) return;
    const cell = (value) => {
      const text = `${value ?? ""}`;
      return /[",\r\n]/.test(text) || /^[=+\-@\t]/.test(text)
        ? `"${/^[=+\-@\t]/.test(text) ? "'" : ""}${text.replaceAll('"', '""')}"`
        : text;
    };
    const time = (seconds) => (Number.isNaN(seconds) ? "" : columns.time(seconds).toISOString());
    const lines = [
      ["taskId", "state", "kind", "node", "start", "end", "exitCode", "error", "retries", "requeues"],
    ];
    for (const row of this.rows) {
      lines.push([
        columns.taskId[row],
        columns.name("states", columns.state[row]),
        columns.name("kinds", columns.kind[row]),
        columns.name("nodes", columns.node[row]),
        time(columns.start[row]),
        time(columns.end[row]),
        columns.exitCode[row],
        columns.name("errors", columns.error[row]),
        columns.retries[row],
        columns.requeues[row],
      ]);
    }
    save(
      `${address.get("job")}-tasks.csv`,
      [lines.map((line) => line.map(cell).join(",")).join("\r\n"), "\r\n"],
      "text/csv",
    );
  }
}
