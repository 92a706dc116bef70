// Starts the page, and shows what its address asks for.

let view = null;
let shownPlace = null;

function showView() {
  const jobId = report ? report.jobId : address.get("job");
  const isSimulation = !jobId && (report || address.get("view") === "simulation");
  const place = isSimulation ? "a simulation" : `job ${jobId}`;
  if (place === shownPlace && view) {
    view.changed();
    return;
  }
  view?.stop();
  freshness.forget();
  shownPlace = place;
  view = jobId ? new JobPage(jobId) : isSimulation ? new SimulationView() : new JobList();
  if (view instanceof JobList) document.title = "Jobs · batchmgr";
  setShown(byId("refresh"), !report && !isSimulation);
  byId("main").replaceChildren(view.node);
  scrollTo(0, 0);
}

function showZone() {
  setText(byId("zone"), `Times: ${zone.name}`);
  byId("zone").setAttribute("aria-pressed", `${zone.isLocal}`);
}

function listenToHeader() {
  byId("zone").onclick = () => {
    zone.toggle();
    showZone();
    freshness.show();
    view.changed();
  };
  byId("refresh").onclick = () => view.refresh();
  byId("change-key").onclick = () => askForKey(key.read() ? "A key is set." : "No key is set.");
  byId("show-help").onclick = () => byId("help").showModal();
  byId("close-help").onclick = () => byId("help").close();
  byId("close-key").onclick = () => byId("key-dialog").close();
  byId("forget-key").onclick = () => {
    key.write("");
    byId("key").value = "";
    byId("key-dialog").close();
    view.refresh?.();
  };
  byId("home").onclick = (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (!report) address.set(Object.fromEntries([...address.own.keys()].map((name) => [name, ""])));
  };
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    key.write(byId("key").value.trim());
    byId("key").value = "";
    byId("key-dialog").close();
    view.refresh?.();
  };
  setShown(byId("change-key"), !report);
}

/** A file that is dropped anywhere is a simulation: of the job that is shown, or for a view of its own. */
function listenToFiles() {
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (isOver) => document.body.classList.toggle("dropping", isOver);
  addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    mark(false);
    if (report) return;
    if (!view.takeFile) address.set({ ...listPlace(), view: "simulation" });
    view.takeFile(event.dataTransfer.files[0]);
  });
}

key.takeFromLink();
addEventListener("hashchange", () => {
  key.takeFromLink();
  view.refresh?.();
});
listenToHeader();
listenToFiles();
listenToKeys(() => view);
setInterval(() => {
  freshness.show();
  view.tick?.();
}, 1000);
showZone();
address.listeners.push(showView);
showView();
