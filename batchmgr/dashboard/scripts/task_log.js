// A file of a task, as a live log: its last 1,000 lines, read by byte ranges, followed while the task runs.

const LINES_SHOWN = 1000;
const FIRST_BYTES = 256 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
const FOLLOW_PAUSE = 2;
const WAIT_PAUSE = 5;
const MAIN_FILES = ["stderr.txt", "stdout.txt"];

class TaskLog {
  constructor(jobId, taskId, isRunning) {
    Object.assign(this, {
      jobId,
      taskId,
      isRunning,
      files: [],
      file: "",
      lines: [],
      tail: "",
      next: 0,
      isSticky: true,
    });
    this.pre = element("pre", {
      class: "log",
      id: "log",
      tabindex: "0",
      role: "region",
      "aria-label": "Log",
      scroll: () => {
        this.isSticky = this.pre.scrollTop + this.pre.clientHeight >= this.pre.scrollHeight - 24;
      },
    });
    this.said = element("p", { class: "quiet" });
    this.choice = element("select", {
      change: () => address.set({ file: this.choice.value }, { replace: true }),
    });
    this.controls = element(
      "p",
      { class: "row", hidden: true },
      element("label", {}, "File ", this.choice),
      element(
        "button",
        {
          type: "button",
          click: () => {
            this.isSticky = true;
            this.stick();
          },
        },
        "To the end",
      ),
      element("button", { type: "button", click: () => this.download() }, "Download"),
    );
    this.node = element("div", {}, element("h3", {}, "Files"), this.controls, this.said, this.pre);
    this.follower = new Follower((look) => this.read(look), {
      seen: () => {},
      failed: (error) => this.tell(`The file can't be read now: ${sentence(error)}`),
    });
  }

  stop() {
    this.follower.stop();
  }

  filePath(file) {
    return jobPath(this.jobId, "tasks", part(this.taskId), "files", ...file.split("/").map(part));
  }

  /** A missing route or file is told here, and doesn't disturb the rest of the page. */
  async read(look) {
    if (report) return this.tell("Files of tasks are not in a report.");
    try {
      return await this.readMore(look);
    } catch (error) {
      if (!["missing", "gone", "refused"].includes(error.kind)) throw error;
      this.tell(`The file can't be shown: ${sentence(error)}`);
      return this.isRunning && error.kind === "gone" ? WAIT_PAUSE : null;
    }
  }

  tell(text) {
    setText(this.said, text);
    setShown(this.pre, this.lines.length > 0 || this.tail !== "");
    return null;
  }

  async readMore({ signal, isFresh }) {
    if (isFresh || !this.files.length) {
      this.files = (await read(jobPath(this.jobId, "tasks", part(this.taskId), "files"), { signal })).files;
      const paths = this.files.map((one) => one.path);
      redraw(this.choice, paths, () => paths.map((path) => element("option", { value: path }, path)));
    }
    if (!this.files.length) {
      this.tell(`The task has left no files${this.isRunning ? " yet" : ""}.`);
      return this.isRunning ? WAIT_PAUSE : null;
    }
    setShown(this.controls, true);
    this.choose();
    const hasMore = await this.readBytes(signal);
    if (hasMore) return 0;
    return this.isRunning ? FOLLOW_PAUSE : null;
  }

  /** The file that the address names; else the first that has something in it, stderr before stdout. */
  choose() {
    const asked = address.get("file");
    const best =
      MAIN_FILES.map((name) => this.files.find((one) => one.path === name)).find((one) => one?.size > 0) ??
      this.files[0];
    const file = this.files.some((one) => one.path === asked) ? asked : this.file || best.path;
    if (file !== this.file) {
      Object.assign(this, {
        file,
        lines: [],
        tail: "",
        next: 0,
        size: 0,
        leftOut: false,
        decoder: new TextDecoder(),
        isSticky: true,
      });
      this.pre.replaceChildren();
    }
    this.choice.value = file;
  }

  /** Read from where the last answer ended. Return whether there is more already. */
  async readBytes(signal) {
    const range = this.next ? `bytes=${this.next}-` : `bytes=-${FIRST_BYTES}`;
    const response = await ask(this.filePath(this.file), {
      headers: { Range: range },
      signal,
      accept: [416],
    });
    if (response.status === 416) {
      if (!this.next) this.tell(`${this.file} is empty.`);
      return false;
    }
    const bytesRead = new Uint8Array(await response.arrayBuffer());
    const [, from, total] = /bytes (\d+)-\d+\/(\d+)/.exec(response.headers.get("content-range") ?? "") ?? [
      null,
      "0",
      `${bytesRead.length}`,
    ];
    if (!this.next) this.leftOut = Number(from) > 0;
    const isCut = !this.next && Number(from) > 0;
    this.next = Number(from) + bytesRead.length;
    this.size = Number(total);
    this.source = response.headers.get("x-batchmgr-source") ?? "";
    let text = this.decoder.decode(bytesRead, { stream: true });
    if (isCut) text = text.slice(text.indexOf("\n") + 1);
    if (text) this.append(text);
    this.describe();
    return bytesRead.length > 0 && this.next < this.size;
  }

  append(text) {
    const lines = (this.tail + text).split("\n");
    this.tail = lines.pop();
    this.lines.push(...lines);
    if (this.lines.length > LINES_SHOWN) {
      this.lines.splice(0, this.lines.length - LINES_SHOWN);
      this.leftOut = true;
    }
    setShown(this.pre, true);
    setText(this.pre, this.lines.join("\n") + (this.lines.length && this.tail ? "\n" : "") + this.tail);
    this.stick();
  }

  stick() {
    if (this.isSticky) this.pre.scrollTop = this.pre.scrollHeight;
  }

  describe() {
    const where = { node: "read from the node", storage: "the copy that was kept in storage" }[this.source];
    const shown = this.leftOut
      ? `its last ${plural(this.lines.length + (this.tail ? 1 : 0), "line")}`
      : "all of it";
    const live = this.isRunning ? "; it is followed while the task runs" : "";
    setText(this.said, `${this.file}, ${bytes(this.size)}: ${shown}${where ? `, ${where}` : ""}${live}.`);
  }

  /** The address or the task has changed: perhaps to another file, or to its end. */
  changed(isRunning) {
    const isAnother = address.get("file") !== "" && address.get("file") !== this.file;
    const hasEnded = this.isRunning && !isRunning;
    this.isRunning = isRunning;
    if (isAnother || hasEnded) this.follower.now();
  }

  /** Save the whole file, piece by piece. */
  async download() {
    const pieces = [];
    try {
      for (let from = 0, size = 1; from < size;) {
        const response = await ask(this.filePath(this.file), {
          headers: { Range: `bytes=${from}-${from + MOST_BYTES - 1}` },
          accept: [416],
        });
        if (response.status === 416) break;
        const piece = await response.arrayBuffer();
        pieces.push(piece);
        from += piece.byteLength;
        size = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? from);
        if (!piece.byteLength) break;
      }
      save(`${this.taskId}-${this.file.replaceAll("/", "-")}`, pieces, "application/octet-stream");
    } catch (error) {
      setText(this.said, `The download has failed: ${sentence(error)}`);
    }
  }
}
