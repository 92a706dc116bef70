import io
import json
from pathlib import Path

import aiohttp
from rich.console import Console

from batchmgr.cli.demo.callback_listener import callback_listener
from batchmgr.cli.demo.job_progress import JobProgress
from batchmgr.cli.demo.live_view import DemoView
from batchmgr.cli.demo.print_outcome import print_callback, print_results
from tests.cli.events import event


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def piped() -> Console:
    return Console(file=io.StringIO(), width=100)


def test_without_a_terminal_every_event_is_one_plain_line() -> None:
    console = piped()
    view = DemoView(console)
    with view.live():
        view.say("starting Azurite")
        counting = event("task.progress", taskId="4", fraction=0.25, message="counting")
        view.show(counting, JobProgress(windows=8).after(counting))
        failed = event("task.failed", taskId="5", displayName="window 5", error={"message": "not FASTA"})
        view.show(failed, JobProgress(windows=8).after(failed))
    lines = [line.rstrip() for line in printed(console).splitlines()]
    assert [line.partition(" s  ")[2] for line in lines] == [
        "starting Azurite",
        "task.progress     task 4: 25% counting",
        "task.failed       window 5: not FASTA",
    ]


def test_on_a_terminal_the_block_shows_state_counts_and_cells() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    view = DemoView(console)
    with view.live():
        progress = JobProgress(windows=3)
        for one in (
            event("job.running", total=4),
            event("task.succeeded", taskId="1"),
            event("task.failed", taskId="2"),
            event("task.running", taskId="3"),
            event("job.progress", total=4, counts={"completed": 2}),
        ):
            progress = progress.after(one)
            view.show(one, progress)
    assert "running" in printed(console)
    assert "2 of 4 tasks" in printed(console)
    assert "■ ✗ ▪ ·" in printed(console)


def test_very_many_tasks_are_counted_instead_of_drawn() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    view = DemoView(console)
    with view.live():
        one = event("task.succeeded", taskId="7")
        view.show(one, JobProgress(windows=500).after(one))
    assert "500 waiting   0 running   1 succeeded   0 failed" in printed(console)


def test_the_callback_is_printed_whole_as_json() -> None:
    console = piped()
    body = {"Output": {"state": "failed"}, "StatusCode": "500", "Error": {"Message": "no records"}}
    print_callback(console, body)
    heading, _, text = printed(console).strip().partition("\n")
    assert "Callback received" in heading
    assert json.loads(text) == body


def test_results_show_the_commonest_kmers_first_and_where_the_plot_is(tmp_path: Path) -> None:
    table = tmp_path / "kmers.tsv"
    rows = "".join(f"AC{letter}\t{1200 - number}\t0.0125\n" for number, letter in enumerate("ABCDEFGHIJKLM"))
    table.write_text(f"kmer\tcount\tfrequency\n{rows}")
    plot = tmp_path / "genome_kmers.png"
    console = piped()
    print_results(console, [table, plot])
    text = printed(console)
    assert "The 10 commonest k-mers" in text
    assert ["ACA", "1,200", "1.250%"] in [line.split() for line in text.splitlines()]
    assert "ACK" not in text
    assert str(plot) in text.replace("\n", "")


async def test_the_listener_gives_the_first_callback_and_answers_repeats() -> None:
    async with callback_listener() as listener, aiohttp.ClientSession() as session:
        for body in ({"StatusCode": "200"}, {"StatusCode": "500"}):
            async with session.post(listener.uri, json=body) as answer:
                assert answer.status == 200
        assert await listener.received == {"StatusCode": "200"}


async def test_the_listener_refuses_a_body_that_is_not_json() -> None:
    async with callback_listener() as listener, aiohttp.ClientSession() as session:
        async with session.post(listener.uri, data=b"hello") as answer:
            assert answer.status == 400
        assert not listener.received.done()
