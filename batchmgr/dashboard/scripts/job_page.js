// One job: reads it as long as it changes, and shows it in sections.

const TASKS_READ = 1000;
const WITHOUT_LONG_POLL = 3;

class JobPage {
  constructor(jobId) {
    Object.assign(this, { jobId, etag: "", job: null, columns: null, failures: null, result: null, used: null });
    this.actions = new JobActions(() => this.follower.now());
    this.summary = new JobSummary(this.actions.part);
    this.failed = new FailedGroups();
    this.tasks = new TaskTable();
    this.overTime = new OverTime();
    this.prediction = new JobPrediction(jobId);
    this.timeline = new Timeline();
    this.runTimes = new RunTimes();
    this.usage = new UsageView();
    this.results = new Results();
    this.panel = new TaskPanel();
    this.said = element("p", { class: "quiet" }, "Loading …");
    this.sections = element("div", { hidden: true }, [
      this.summary.node,
      this.failed.node,
      this.results.node,
      this.tasks.node,
      this.overTime.node,
      this.prediction.node,
      this.timeline.node,
      this.runTimes.node,
      this.usage.node,
    ]);
    this.node = element(
      "div",
      {},
      report ? "" : element("p", {}, viewLink(listPlace(), {}, "← All jobs")),
      this.said,
      this.sections,
    );
    this.follower = new Follower((look) => this.read(look));
  }

  stop() {
    this.follower.stop();
    this.timeline.stop();
    this.panel.close();
  }

  async read({ signal, isFresh }) {
    let seen;
    try {
      seen = await readChanged(jobPath(this.jobId), { etag: isFresh ? "" : this.etag, signal });
    } catch (error) {
      if (error.code !== "JobNotFound") throw error;
      setText(this.said, `There is no job ${this.jobId}. It may be deleted.`);
      setShown(this.said, true);
      setShown(this.sections, false);
      return null;
    }
    if (seen) {
      const before = this.job;
      Object.assign(this, { etag: seen.etag });
      if (isFresh || !before || JSON.stringify(before) !== JSON.stringify(seen.body))
        await this.readRest(seen.body, before, signal);
      this.job = seen.body;
      this.show();
    }
    return this.pause();
  }

  /** How long to rest: larger answers more rarely. Null if nothing more will happen. */
  pause() {
    const isSettled = ({ state }) => ["delivered", "dead"].includes(state);
    if (report || (isFinal(this.job.state) && deliveriesOf(this.job).every(isSettled)))
      return null;
    const large = Math.min((this.columns?.size ?? 0) / 10_000, 15);
    return Math.max(large, this.etag ? 1 : WITHOUT_LONG_POLL);
  }

  async readRest(job, before, signal) {
    const get = (name) => read(jobPath(this.jobId, name), { signal });
    const optional = async (promise) => {
      try {
        return await promise;
      } catch (error) {
        if (!(error instanceof ApiError) || ["key", "signIn", "offline"].includes(error.kind)) throw error;
        return error;
      }
    };
    const failed = job.counts?.failed ?? 0;
    const sameFailures =
      this.failures &&
      !(this.failures instanceof ApiError) &&
      before?.counts?.failed === failed &&
      !isFinal(job.state);
    [this.columns, this.failures, this.result, this.used] = await Promise.all([
      optional(this.readColumns(job, get)),
      failed === 0 ? null : sameFailures ? this.failures : optional(get("failures")),
      isFinal(job.state) ? optional(get("result")) : null,
      job.counts?.completed ? optional(get("usage")) : null,
    ]);
  }

  /** The timeline may know of ends only: then the tasks that run now are read from Azure Batch. */
  async readColumns(job, get) {
    const tasksIn = (query) => read(jobPath(this.jobId, "tasks"), { query: { limit: TASKS_READ, ...query } });
    let timeline;
    try {
      timeline = await get("timeline");
    } catch (error) {
      if (!["missing", "gone"].includes(error.kind) || report) throw error;
      const page = await tasksIn({});
      const rest = page.nextLink ? ` Only the first ${number(page.tasks.length)} are shown.` : "";
      const note = `The timeline is not known: ${sentence(error)} So these are read from Azure Batch.${rest}`;
      return new Columns(addTasks(emptyTimeline(job), page.tasks), note);
    }
    const running = timeline.states.indexOf("running");
    if (report || !job.counts?.running || timeline.state.includes(running)) return new Columns(timeline);
    const page = await tasksIn({ state: "running" }).catch(() => ({ tasks: [] }));
    return new Columns(addTasks(timeline, page.tasks));
  }

  /** Show everything as it was read last, and as the address asks. */
  show() {
    const { job } = this;
    if (!job) return;
    setShown(this.said, false);
    setShown(this.sections, true);
    const columns = this.columns instanceof Columns ? this.columns : null;
    const result = this.result instanceof ApiError ? null : this.result;
    this.showSummary();
    this.failed.show(job, this.failures);
    this.actions.show(job);
    this.results.show(job, result);
    this.usage.show(this.used instanceof ApiError ? null : this.used);
    if (columns) {
      this.tasks.show(columns);
      this.overTime.show(job, columns);
      this.prediction.show(job, columns, this.used instanceof ApiError ? null : this.used);
      this.timeline.show(columns);
      this.runTimes.show(job, columns);
    } else setText(this.tasks.said, `The tasks are not known: ${sentence(this.columns)}`);
    this.panel.show(job, columns);
    const failed = job.counts?.failed ? `${number(job.counts.failed)} failed · ` : "";
    document.title = `${failed}${STATES[job.state] ?? job.state} · ${job.jobId} · batchmgr`;
  }

  showSummary() {
    this.summary.show(this.job);
  }

  changed() {
    this.show();
  }

  /** Each second: how long the job has taken. */
  tick() {
    if (this.job && !document.hidden && !report && !isFinal(this.job.state)) this.showSummary();
  }

  takeFile(file) {
    this.prediction.choice.open(file);
  }

  /** Look again now, at the log too. */
  refresh() {
    this.follower.now();
    this.panel.log?.follower.now();
  }

  /** Only failed tasks, or all again. */
  toggleFailed() {
    address.set({ state: address.get("state") === "failed" ? "" : "failed" }, { replace: true });
    this.tasks.node.scrollIntoView({ block: "nearest" });
  }
}
