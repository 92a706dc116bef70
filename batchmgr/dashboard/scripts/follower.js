// Looks again and again: while the page is visible, until the look says that nothing more will happen.

const PAUSE_AFTER_ERROR = [2, 4, 8, 15, 30, 60];

class Follower {
  /**
   * `look({ signal, isFresh })` returns how many seconds to wait for the next look; null if it was the last.
   * `told` is told of each look, that it was `seen` or has `failed`.
   */
  constructor(look, told = freshness) {
    Object.assign(this, { look, told, failures: 0, stopped: false });
    this.onVisibility = () => (document.hidden ? this.pause() : this.now());
    document.addEventListener("visibilitychange", this.onVisibility);
    this.now();
  }

  /** Look now, and at everything. */
  now() {
    this.pause();
    if (!document.hidden && !this.stopped) this.run(true);
  }

  pause() {
    clearTimeout(this.timer);
    this.abort?.abort();
  }

  stop() {
    this.stopped = true;
    this.pause();
    document.removeEventListener("visibilitychange", this.onVisibility);
  }

  async run(isFresh) {
    const abort = (this.abort = new AbortController());
    let pause;
    try {
      pause = await this.look({ signal: abort.signal, isFresh });
      if (abort.signal.aborted) return;
      this.failures = 0;
      this.told.seen(pause === null);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!(error instanceof ApiError)) console.error(error);
      pause = PAUSE_AFTER_ERROR[Math.min(this.failures, PAUSE_AFTER_ERROR.length - 1)];
      this.failures += 1;
      this.told.failed(error, pause);
      if (["key", "signIn"].includes(error.kind)) return;
    }
    if (pause !== null) this.timer = setTimeout(() => this.run(false), pause * 1000);
  }
}

/** When the page was true, and what keeps it from being newer. */
const freshness = {
  at: null,
  error: null,
  isLast: false,
  /** Another view is shown, of which nothing is known yet. */
  forget() {
    Object.assign(this, { at: null, error: null, isLast: false });
    setText(byId("as-of"), "");
    this.show();
  },
  seen(isLast) {
    Object.assign(this, { at: new Date().toISOString(), error: null, isLast });
    this.show();
  },
  failed(error, pause) {
    Object.assign(this, { error, pause });
    this.show();
    if (error.kind === "key") askForKey(error.message);
  },
  show() {
    const last = this.isLast ? "; nothing more will happen" : "";
    const made = report?.simulation ? "Simulated" : "Report, as of";
    if (report) setText(byId("as-of"), `${made} ${moment(report.madeAt)}`);
    else if (this.at) setText(byId("as-of"), `As of ${moment(this.at)}, ${ago(this.at)}${last}`);
    redraw(
      byId("notices"),
      [this.error && sentence(this.error), this.error && this.at, zone.isLocal],
      () => this.error && this.notice(),
    );
  },
  notice() {
    const again = ["key", "signIn"].includes(this.error.kind)
      ? ""
      : ` The next look is in ${duration(this.pause).replace(".0", "")}.`;
    const kept = this.at ? ` This is how it was at ${moment(this.at)}.` : "";
    const back = encodeURIComponent(location.pathname + location.search);
    const signIn =
      this.error.kind === "signIn" &&
      element("a", { href: `/.auth/login/aad?post_login_redirect_uri=${back}` }, "Sign in");
    return element("p", { class: "notice bad" }, `${sentence(this.error)}${kept}${again} `, signIn || "");
  },
};

function askForKey(reason) {
  setText(byId("key-reason"), reason);
  if (!byId("key-dialog").open) byId("key-dialog").showModal();
  byId("key").focus();
}
