// The tasks of a job as columns: one array for each property, and a row number for each task.
// 100,000 tasks are a few megabytes so, and are filtered in milliseconds.

const UNKNOWN = -2;

class Columns {
  /** From the body of /timeline. `note` says what is left out, if anything is. */
  constructor(timeline, note = "") {
    Object.assign(this, timeline, { note });
    this.size = timeline.taskId.length;
    this.originMs = Date.parse(timeline.origin);
    this.now = (Date.parse(timeline.asOf) - this.originMs) / 1000;
    this.start = Float64Array.from(timeline.start, (value) => value ?? NaN);
    this.end = Float64Array.from(timeline.end, (value) => value ?? NaN);
    this.failed = timeline.states.indexOf("failed");
    this.running = timeline.states.indexOf("running");
    this.succeeded = timeline.states.indexOf("succeeded");
    this.lost = timeline.lost ?? { task: [], node: [], start: [], end: [] };
    this.lower = null;
  }

  /** How many of the job's tasks are not in here: most of them wait. */
  get missing() {
    return Math.max(this.total - this.size, 0);
  }

  /** Seconds that a task has run; those of a running one go on to the time of the answer. */
  runTime(row) {
    const end = Number.isNaN(this.end[row]) && this.state[row] === this.running ? this.now : this.end[row];
    return end - this.start[row];
  }

  name(list, index) {
    return index >= 0 ? (this[list][index] ?? "") : "";
  }

  time(seconds) {
    return new Date(this.originMs + seconds * 1000);
  }

  /** Row numbers of the tasks that a filter lets through, in the order of `sort`, such as "-runTime". */
  select({ text = "", state = "", kind = "", node = "", exitCode = "", error = "" }, sort) {
    const wanted = (list, value) => {
      if (value === "") return null;
      return this[list].includes(value) ? this[list].indexOf(value) : UNKNOWN;
    };
    const [states, kinds, nodes, errors] = [
      wanted("states", state),
      wanted("kinds", kind),
      wanted("nodes", node),
      wanted("errors", error),
    ];
    const exit = exitCode === "" ? null : Number(exitCode);
    const search = text.toLowerCase();
    if (search) this.lower ??= this.taskId.map((id) => id.toLowerCase());
    const rows = new Uint32Array(this.size);
    let count = 0;
    for (let row = 0; row < this.size; row += 1) {
      if (states !== null && this.state[row] !== states) continue;
      if (kinds !== null && this.kind[row] !== kinds) continue;
      if (nodes !== null && this.node[row] !== nodes) continue;
      if (errors !== null && this.error[row] !== errors) continue;
      if (exit !== null && this.exitCode[row] !== exit) continue;
      if (search && !this.lower[row].includes(search)) continue;
      rows[count] = row;
      count += 1;
    }
    return this.sorted(rows.subarray(0, count), sort);
  }

  sorted(rows, sort) {
    const [name, sign] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
    if (name === "") return rows;
    const value = this.sortValues(name);
    const order = (a, b) => {
      const x = value[a],
        y = value[b];
      if (x === y) return a - b;
      if (x !== x) return y !== y ? a - b : 1; // unknown ones come last
      if (y !== y) return -1;
      return x < y ? -sign : sign;
    };
    return rows.sort(order);
  }

  sortValues(name) {
    if (name === "runTime") return Float64Array.from({ length: this.size }, (_, row) => this.runTime(row));
    if (name === "wait") return this.start;
    if (name === "end") return this.end;
    if (name === "task") return this.taskId;
    const list = { state: "states", kind: "kinds", node: "nodes", error: "errors" }[name];
    if (!list) return this[name] ?? this.start;
    const ranks = this[list].map((_, at) => at).sort((a, b) => (this[list][a] < this[list][b] ? -1 : 1));
    const rankOf = new Int32Array(ranks.length);
    ranks.forEach((index, rank) => {
      rankOf[index] = rank;
    });
    return Float64Array.from({ length: this.size }, (_, row) =>
      this[name][row] >= 0 ? rankOf[this[name][row]] : NaN,
    );
  }

  /** Whether a task has not ended; one that is not in here waits. */
  isLive(row) {
    return row < 0 || Number.isNaN(this.end[row]);
  }

  rowOf(taskId) {
    return this.taskId.indexOf(taskId);
  }
}

/** A timeline without tasks, for an app that has none. */
function emptyTimeline(job) {
  const lists = ["kinds", "nodes", "states", "errors"];
  const columns = [
    ...["taskId", "kind", "state", "node", "start", "end"],
    ...["exitCode", "error", "retries", "requeues"],
  ];
  const empty = Object.fromEntries([...lists, ...columns].map((name) => [name, []]));
  return { ...empty, origin: job.createdAt, asOf: new Date().toISOString(), total: job.total };
}

/** Add tasks, as /tasks has them, to a timeline that does not have them. */
function addTasks(timeline, tasks) {
  const origin = Date.parse(timeline.origin);
  const known = new Set(timeline.taskId);
  const index = (list, value) => {
    if (!value) return -1;
    const at = timeline[list].indexOf(value);
    return at >= 0 ? at : timeline[list].push(value) - 1;
  };
  const seconds = (time) => (time ? (Date.parse(time) - origin) / 1000 : null);
  for (const task of tasks.filter((one) => !known.has(one.taskId))) {
    const ended = { success: "succeeded", failure: "failed" }[task.result];
    timeline.taskId.push(task.taskId);
    timeline.kind.push(index("kinds", task.kind));
    timeline.state.push(index("states", ended ?? (task.state === "active" ? "waiting" : task.state)));
    timeline.node.push(index("nodes", task.nodeId));
    timeline.start.push(seconds(task.startTime));
    timeline.end.push(seconds(task.endTime));
    timeline.exitCode.push(task.exitCode ?? null);
    timeline.error.push(index("errors", task.error?.type));
    timeline.retries.push(task.retryCount ?? 0);
    timeline.requeues.push(task.requeueCount ?? 0);
  }
  return timeline;
}
