"""A job whose tasks have written something."""

from tests.client.stand_in_app import StandInApp


def with_logs(app: StandInApp) -> None:
    job = app.add("a")
    for name, result in (("t1", "success"), ("t2", "failure"), ("t3", "")):
        state = "completed" if result else "active"
        job.tasks.append({"taskId": name, "state": state, "result": result})
        if result:
            job.files[name, "stdout.txt"] = f"{name} one\n{name} two\n".encode()
            job.files[name, "stderr.txt"] = f"{name} oh\n".encode()
