"""A small workload package, as on its author's disk."""

from pathlib import Path

PYPROJECT = """\
[project]
name = "Letter-Count"
version = "1.2.3"
requires-python = ">=3.8"
dependencies = [{dependencies}]

[project.entry-points."batchmgr.workloads"]
letter_count = "letter_count:LetterWorkload"
"""
INIT = """\
from batchmgr import FinalizeTask, JobManager, JobManagerBuilder, WorkloadBase, WorkloadTask
class LetterTask(WorkloadTask):
    def run(self) -> None:
        print(self.inputs["letter"], self.inputs["text"].count(self.inputs["letter"]))
class LetterJobManager(JobManager):
    def create_job(self) -> None:
        self.add_workload_task(LetterTask, {"letter": "a", "text": "banana"})
class LetterBuilder(JobManagerBuilder):
    job_manager_type = LetterJobManager
class LetterWorkload(WorkloadBase):
    def __init__(self, batch_client=None) -> None:
        super().__init__(batch_client, LetterBuilder)
        self._entry_points_repository.register_entry_point(LetterTask)
"""
MAIN = """\
from batchmgr import Application
from letter_count import LetterWorkload
if __name__ == "__main__":
    Application(LetterWorkload()).run()
"""


def write_sample(directory: Path, *, dependencies: str = '"batchmgr"') -> Path:
    """Write the package below this directory, and return the directory of its pyproject.toml."""
    root = directory / "letter-count"
    package = root / "letter_count"
    (package / "data" / "__pycache__").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT.replace("{dependencies}", dependencies))
    (package / "__init__.py").write_text(INIT)
    (package / "__main__.py").write_text(MAIN)
    (package / "data" / "letters.txt").write_text("abc\n")
    (package / "data" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"bytecode")
    (package / ".DS_Store").write_bytes(b"notes of a file manager")
    program = package / "data" / "tool.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return root
