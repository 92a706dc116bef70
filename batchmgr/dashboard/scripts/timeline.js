// Which node ran which task when, on a canvas: a row for each task that a node runs at once.
// Above them, how many tasks waited. Attempts that were lost are hatched.

const LANE = 14;
const NAMES_WIDTH = 130;
const WAITING_HEIGHT = 46;
const TALLEST = 560;
const ZOOM = 1.6;
const CLOSEST = 0.5;

class Timeline {
  constructor() {
    this.canvas = element("canvas", {
      tabindex: "0",
      role: "img",
      "aria-describedby": "timeline-said",
      keydown: (event) => this.key(event),
      pointermove: (event) => this.point(event),
      pointerleave: () => {
        this.tip.hidden = true;
      },
      click: (event) => this.openAt(event),
      wheel: (event) => this.wheel(event),
    });
    this.length = element("div", { class: "length" });
    this.scroll = element("div", { class: "timeline", scroll: () => this.draw() }, this.canvas, this.length);
    this.tip = element("div", { class: "tip", hidden: true });
    this.said = element("p", { class: "quiet", id: "timeline-said" });
    const button = (text, label, act) =>
      element("button", { type: "button", "aria-label": label, title: label, click: act }, text);
    this.node = element(
      "section",
      { "aria-label": "Timeline", hidden: true },
      element("h2", {}, "Timeline by node"),
      element(
        "p",
        { class: "row" },
        button("+", "Zoom in", () => this.zoom(1 / ZOOM)),
        button("−", "Zoom out", () => this.zoom(ZOOM)),
        button("←", "Earlier", () => this.pan(-0.25)),
        button("→", "Later", () => this.pan(0.25)),
        button("All", "Show all", () => this.setRange(0, this.until)),
        legend([
          ["succeeded", "succeeded"],
          ["failed", "failed"],
          ["running", "running"],
          ["waiting", "waiting, before a node runs it"],
          ["lost", "an attempt that was lost"],
        ]),
      ),
      this.said,
      this.scroll,
      this.tip,
    );
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.scroll);
    this.darkness = matchMedia("(prefers-color-scheme: dark)");
    this.darkness.onchange = () => this.draw();
  }

  stop() {
    this.resized.disconnect();
    this.darkness.onchange = null;
  }

  show(columns) {
    const isNew = this.columns !== columns;
    this.until = isNew ? endOfTime(columns) : this.until;
    this.columns = columns;
    setShown(this.node, this.until > 0 && columns.nodes.length > 0);
    if (this.node.hidden) return;
    if (isNew) Object.assign(this, lanesOf(columns), { over: countsOverTime(columns, this.until, 400) });
    const range = [Number(address.get("from") || 0), Number(address.get("to") || this.until)];
    const isRange = range.every((value) => Number.isFinite(value)) && range[0] < range[1];
    const shown = [...(isRange ? range : [0, this.until]), zone.isLocal].join();
    if (!isNew && this.shown === shown) return;
    this.shown = shown;
    [this.from, this.to] = isRange ? range : [0, this.until];
    const height = WAITING_HEIGHT + this.lanes.length * LANE;
    this.length.style.height = `${height}px`;
    this.scroll.style.height = `${Math.min(height, TALLEST) + 2}px`;
    this.draw();
  }

  setRange(from, to) {
    const length = Math.min(Math.max(to - from, CLOSEST), this.until);
    const first = Math.min(Math.max(from, 0), this.until - length);
    const isAll = length >= this.until;
    address.set(
      { from: isAll ? "" : first.toFixed(2), to: isAll ? "" : (first + length).toFixed(2) },
      { replace: true },
    );
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    this.setRange(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }

  pan(share) {
    const by = (this.to - this.from) * share;
    this.setRange(this.from + by, this.to + by);
  }

  key(event) {
    const acts = {
      "+": () => this.zoom(1 / ZOOM),
      "=": () => this.zoom(1 / ZOOM),
      "-": () => this.zoom(ZOOM),
      0: () => this.setRange(0, this.until),
      ArrowLeft: () => this.pan(-0.25),
      ArrowRight: () => this.pan(0.25),
    };
    if (!(event.key in acts) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    acts[event.key]();
  }

  /** With Ctrl, as a pinch on a touchpad comes too: zoom where the pointer is. */
  wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM, this.secondsAt(event));
  }

  secondsAt(event) {
    const { left } = this.canvas.getBoundingClientRect();
    return this.from + (event.clientX - left - NAMES_WIDTH) / this.perSecond;
  }

  /** Draw what is in sight. The canvas is as large as the window on it, whatever the number of rows. */
  draw() {
    if (!this.columns || this.node.hidden || !this.scroll.clientWidth) return;
    const width = this.scroll.clientWidth,
      height = this.scroll.clientHeight;
    const ratio = devicePixelRatio || 1;
    if (
      this.canvas.width !== Math.round(width * ratio) ||
      this.canvas.height !== Math.round(height * ratio)
    ) {
      Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
      Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.colors = colorsOf(this.node);
    pen.fillStyle = this.colors.page;
    pen.fillRect(0, 0, width, height);
    this.perSecond = (width - NAMES_WIDTH) / (this.to - this.from);
    const drawn = this.drawLanes(pen, width, height);
    this.drawWaiting(pen, width);
    this.describe(drawn);
  }

  x(seconds) {
    return NAMES_WIDTH + (seconds - this.from) * this.perSecond;
  }

  drawLanes(pen, width, height) {
    const top = this.scroll.scrollTop,
      first = Math.floor(top / LANE),
      last = Math.min(this.lanes.length, Math.ceil((top + height) / LANE));
    let drawn = 0,
      narrow = 0;
    for (let lane = first; lane < last; lane += 1) {
      const y = WAITING_HEIGHT + lane * LANE - top;
      for (const bar of this.lanes[lane].bars) {
        const left = Math.max(this.x(bar.start), NAMES_WIDTH),
          right = Math.min(this.x(bar.end), width);
        if (right < NAMES_WIDTH || left > width) continue;
        drawn += 1;
        if (right - left < 1) narrow += 1;
        pen.fillStyle = bar.isLost
          ? hatch(pen, this.colors)
          : (this.colors[bar.state] ?? this.colors.waiting);
        pen.fillRect(left, y + 2, Math.max(right - left - 0.5, 1), LANE - 3);
      }
    }
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (let lane = first; lane < last; lane += 1) {
      const { node, isFirst } = this.lanes[lane],
        y = WAITING_HEIGHT + lane * LANE - top;
      if (!isFirst) continue;
      pen.fillStyle = this.colors.line;
      pen.fillRect(0, y, width, 1);
      pen.fillStyle = this.colors.quiet;
      pen.fillText(shortened(this.columns.nodes[node]), 4, y + LANE / 2 + 1, NAMES_WIDTH - 8);
    }
    return { drawn, narrow, lanes: last - first };
  }

  /** How many tasks waited, at the top: it stays there while the rows move. */
  drawWaiting(pen, width) {
    const { waiting, spans } = this.over,
      most = Math.max(...waiting, 1),
      bottom = WAITING_HEIGHT - 18;
    pen.fillStyle = this.colors.page;
    pen.fillRect(0, 0, width, WAITING_HEIGHT);
    pen.fillStyle = this.colors.waiting;
    for (let span = 0; span < spans; span += 1) {
      const left = Math.max(this.x((span / spans) * this.until), NAMES_WIDTH),
        right = this.x(((span + 1) / spans) * this.until);
      const height = (waiting[span] / most) * (bottom - 2);
      if (right > NAMES_WIDTH && left < width)
        pen.fillRect(left, bottom - height, right - left + 0.5, height);
    }
    pen.fillStyle = this.colors.quiet;
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.fillText(`waiting: ${number(most)} at most`, 4, bottom / 2 + 2, NAMES_WIDTH - 8);
    const ticks = Math.max(2, Math.floor((width - NAMES_WIDTH) / 110));
    for (let tick = 0; tick < ticks; tick += 1) {
      const seconds = this.from + ((this.to - this.from) * tick) / ticks;
      pen.fillText(clockIn(this.columns, seconds, this.until), this.x(seconds), WAITING_HEIGHT - 8);
    }
    pen.fillStyle = this.colors.line;
    pen.fillRect(0, WAITING_HEIGHT - 1, width, 1);
  }

  describe({ drawn, narrow, lanes }) {
    const { columns } = this;
    const lost = columns.lost.start.length;
    const all =
      `${plural(columns.nodes.length, "node")}, ${number(this.bars)} runs of tasks, ` +
      `${number(lost)} of them lost.`;
    const [from, to] = [this.from, this.to].map((seconds) => clockIn(columns, seconds, this.until));
    const isPart = this.from > 0 || this.to < this.until;
    const range = isPart ? ` From ${from} to ${to} ${zone.name}.` : ` Times in ${zone.name}.`;
    const hidden = number(this.lanes.length - lanes);
    const rows =
      lanes < this.lanes.length
        ? ` Scroll for the other ${hidden} of ${number(this.lanes.length)} rows.`
        : "";
    const thin = narrow
      ? ` ${number(narrow)} of ${number(drawn)} runs in sight are thinner than a pixel and may cover each ` +
        "other: zoom in to tell them apart."
      : "";
    const unknown = this.unplaced
      ? ` Not drawn, for want of a node or a start: ${plural(this.unplaced, "task")}.`
      : "";
    setText(this.said, all + range + rows + thin + unknown);
    this.canvas.setAttribute(
      "aria-label",
      `Timeline of ${plural(columns.nodes.length, "node")}; the table of tasks has the same times`,
    );
  }

  barAt(event) {
    const seconds = this.secondsAt(event);
    const y = event.clientY - this.canvas.getBoundingClientRect().top;
    const lane = this.lanes[Math.floor((y - WAITING_HEIGHT + this.scroll.scrollTop) / LANE)];
    if (y < WAITING_HEIGHT || !lane) return null;
    const slack = 2 / this.perSecond;
    return (
      lane.bars.find((bar) => seconds >= bar.start && seconds <= bar.end) ??
      lane.bars.find((bar) => seconds >= bar.start - slack && seconds <= bar.end + slack)
    );
  }

  point(event) {
    const bar = this.barAt(event);
    setShown(this.tip, Boolean(bar));
    if (!bar) return;
    const { columns } = this;
    const what = bar.isLost ? "lost attempt" : bar.state;
    const when = [bar.start, bar.end].map((seconds) => clockIn(columns, seconds, this.until)).join(" to ");
    const where = `${duration(bar.end - bar.start)} on ${columns.nodes[bar.node]}`;
    setText(this.tip, `${columns.taskId[bar.row]}\n${what}, ${where}\n${when} ${zone.name}`);
    this.tip.style.left = `${Math.min(event.clientX + 12, innerWidth - 260)}px`;
    this.tip.style.top = `${Math.min(event.clientY + 14, innerHeight - 80)}px`;
  }

  openAt(event) {
    const bar = this.barAt(event);
    if (bar) address.set({ task: this.columns.taskId[bar.row] });
  }
}
