// What can be done with a job: cancel it, run what failed again, send again what was given up.

class JobActions {
  /** `done` is called when the app has accepted something. */
  constructor(done) {
    this.done = done;
    this.node = element("p", { class: "row" });
    this.said = element("p", { role: "status" });
    this.part = element(
      "div",
      { role: "group", "aria-label": "Actions", hidden: Boolean(report) },
      this.node,
      this.said,
    );
  }

  show(job) {
    const dead = deliveriesOf(job).filter((one) => one.state === "dead").length;
    const actions = {
      cancel: !isFinal(job.state) && !job.cancelRequested,
      rerun: isFinal(job.state) && job.state !== "succeeded",
      redrive: dead > 0,
    };
    this.job = job;
    this.dead = dead;
    redraw(this.node, [job.jobId, actions], () => {
      const button = (name, text, danger) =>
        actions[name] &&
        element(
          "button",
          {
            type: "button",
            "data-key": name,
            class: danger && "danger",
            click: () => this.act(name),
          },
          text,
        );
      const offered = [
        button("cancel", "Cancel …", true),
        button("rerun", "Run again what failed …"),
        button("redrive", "Send again what was given up …"),
      ].filter(Boolean);
      return offered;
    });
  }

  question(name) {
    const { job, dead } = this,
      { running, waiting, failed } = countsOf(job);
    const unfinished = job.total ? job.total - (job.counts?.succeeded ?? 0) : 0;
    return {
      cancel: {
        title: `Cancel ${job.jobId}?`,
        act: "Cancel the job",
        isDangerous: true,
        text:
          `${plural(running, "task")} that run now will be ended, and ${plural(waiting, "task")} that wait ` +
          "will not run. This can't be undone.",
      },
      rerun: {
        title: `Run again what failed in ${job.jobId}?`,
        act: "Run again",
        text:
          `A new job runs the ${plural(unfinished, "task")} that have not succeeded, ` +
          `${number(failed)} failed ones among them, and what waits for them. This job stays as it is.`,
      },
      redrive: {
        title: `Send again what was given up of ${job.jobId}?`,
        act: "Send again",
        text:
          `Callbacks or events were given up for ${plural(dead, "receiver")}. ` +
          "They have all attempts anew, the first at once.",
      },
    }[name];
  }

  async act(name) {
    const { jobId } = this.job;
    if (!(await confirmed(this.question(name)))) return;
    setText(this.said, "Asking the app …");
    try {
      const body = name === "rerun" ? JSON.stringify({ tasks: "failed" }) : undefined;
      const answer = await (
        await ask(jobPath(jobId, name), {
          method: "POST",
          body,
          headers: body ? { "Content-Type": "application/json" } : {},
        })
      ).json();
      const said = { cancel: "The job is being cancelled.", redrive: "It is being sent." }[name];
      if (said) setText(this.said, said);
      else
        this.said.replaceChildren(
          "It runs again, as ",
          viewLink(jobPlace(answer.jobId), {}, answer.jobId),
          ".",
        );
      this.done();
    } catch (error) {
      setText(this.said, sentence(error));
      if (error.kind === "key") askForKey(error.message);
    }
  }
}
