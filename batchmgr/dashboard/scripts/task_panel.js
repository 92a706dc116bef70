// One task, beside the list: how it went, why it failed, and its files.

class TaskPanel {
  constructor() {
    this.node = byId("panel");
    this.taskId = "";
  }

  /** Show the task that the address names, or nothing. */
  show(job, columns) {
    const taskId = address.get("task");
    if (!taskId) {
      this.close();
      return;
    }
    if (this.taskId !== taskId || this.jobId !== job.jobId) this.open(job, columns, taskId);
    const row = columns ? columns.rowOf(taskId) : -1;
    const state = row >= 0 ? columns.state[row] : -1;
    this.log.changed(isLive(job, columns, row));
    if (this.state !== state) {
      this.state = state;
      this.read();
    }
    redraw(
      this.facts,
      [this.task, this.problem, row, state, zone.isLocal, row >= 0 && Math.round(columns.runTime(row))],
      () => this.parts(job, columns, row),
    );
  }

  open(job, columns, taskId) {
    this.close();
    this.returnTo = document.activeElement;
    Object.assign(this, { taskId, jobId: job.jobId, task: null, problem: "", state: undefined });
    this.facts = element("div", {});
    const close = element(
      "button",
      { type: "button", title: "Close (Esc)", click: () => address.set({ task: "", file: "" }) },
      "Close",
    );
    const row = columns ? columns.rowOf(taskId) : -1;
    this.title = element("h2", { tabindex: "-1" }, taskId);
    this.log = new TaskLog(job.jobId, taskId, isLive(job, columns, row));
    this.node.replaceChildren(
      element("div", { class: "row" }, element("div", { class: "grow" }, this.title), close),
      this.facts,
      this.log.node,
    );
    setShown(this.node, true);
    this.node.scrollTop = 0;
  }

  close() {
    this.log?.stop();
    if (!this.node.hidden && this.returnTo?.isConnected && this.node.contains(document.activeElement))
      this.returnTo.focus();
    this.log = null;
    this.taskId = "";
    setShown(this.node, false);
    this.node.replaceChildren();
  }

  /** What the app says of this task now. */
  async read() {
    const taskId = this.taskId;
    let task = null,
      problem = "";
    try {
      task = await read(jobPath(this.jobId, "tasks", part(taskId)));
    } catch (error) {
      problem = report ? "" : `More is not known: ${sentence(error)}`;
    }
    if (this.taskId !== taskId) return;
    Object.assign(this, { task, problem });
    address.tell();
  }

  parts(job, columns, row) {
    const task = this.task ?? {},
      { error } = task;
    const time = (given, values) =>
      given ?? (row >= 0 && values[row] === values[row] ? columns.time(values[row]) : null);
    const start = time(task.startTime, columns?.start ?? []),
      end = time(task.endTime, columns?.end ?? []);
    const state = task.result
      ? { success: "succeeded", failure: "failed" }[task.result]
      : (task.state ?? (row >= 0 ? columns.name("states", columns.state[row]) : ""));
    const text = (title, value) =>
      value ? [element("h3", {}, title), element("pre", { tabindex: "0" }, value)] : [];
    const type = error?.type ?? (row >= 0 ? columns.name("errors", columns.error[row]) : "");
    const exitCode = task.exitCode ?? (row >= 0 ? columns.exitCode[row] : null);
    return [
      error || type
        ? element(
            "div",
            { class: "callout bad" },
            element("strong", {}, type),
            error ? ` ${error.message}` : "",
            error?.category
              ? element("p", {}, `Who has to act: ${CATEGORIES[error.category] ?? error.category}.`)
              : "",
          )
        : null,
      this.problem ? element("p", { class: "quiet" }, this.problem) : null,
      facts([
        ["State", state && element("span", { class: toneOf(state) }, state)],
        ["Name", task.displayName],
        ["Kind", task.kind ?? (row >= 0 ? columns.name("kinds", columns.kind[row]) : "")],
        ["Exit code", exitCode],
        ["Started", moment(start)],
        [
          "Waited",
          start
            ? `${duration((new Date(start) - Date.parse(job.createdAt)) / 1000)} since the job was sent`
            : "",
        ],
        ["Ended", moment(end)],
        [
          "Ran for",
          row >= 0
            ? duration(columns.runTime(row))
            : start && end
              ? duration((new Date(end) - new Date(start)) / 1000)
              : "",
        ],
        ["Node", task.nodeId ?? (row >= 0 ? columns.name("nodes", columns.node[row]) : "")],
        ["Retries", task.retryCount || ""],
        ["Requeues", task.requeueCount || ""],
      ]),
      ...text("The end of stderr", error?.stderr),
      ...text("Traceback", error?.traceback),
    ].filter(Boolean);
  }
}

/** Whether a task may still write: it has not ended, and neither has its job. */
function isLive(job, columns, row) {
  return !isFinal(job.state) && (columns ? columns.isLive(row) : true);
}
