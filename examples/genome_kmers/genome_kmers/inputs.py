"""The inputs of a job of this workload, which are checked before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from batchmgr import InputFileSpecification, InvalidJobError
from batchmgr.plan.file_rules import check_input_file

GENOME_FILE = "genome.fa"
"""The file name of the genome in a task's working directory."""

_KNOWN = ("genome", "k", "windows", "top")


@dataclass(frozen=True, kw_only=True)
class JobInputs:
    """The `inputs` of a job message.

    `genome` is the FASTA file, `k` the length of the words to count, `windows` the number of tasks that share
    the genome, and `top` how many of the most frequent words to show.
    """

    genome: InputFileSpecification
    k: int
    windows: int
    top: int

    @classmethod
    def parse(cls, inputs: Mapping[str, object]) -> "JobInputs":
        """Return the checked inputs. Raise `InvalidJobError` with the field that is wrong."""
        for name in inputs:
            if name not in _KNOWN:
                raise InvalidJobError(f"unknown; the inputs are {', '.join(_KNOWN)}", field=f"inputs.{name}")
        return cls(
            genome=_genome(inputs.get("genome")),
            k=_integer(inputs, "k", default=6, maximum=12),
            windows=_integer(inputs, "windows", default=8, maximum=10_000),
            top=_integer(inputs, "top", default=20, maximum=100),
        )


def _integer(inputs: Mapping[str, object], name: str, *, default: int, maximum: int) -> int:
    value = inputs.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
        raise InvalidJobError(
            f"must be an integer from 1 to {maximum}, not {value!r}", field=f"inputs.{name}"
        )
    return value


def _genome(value: object) -> InputFileSpecification:
    field = "inputs.genome"
    expected = "must be an http(s) URL or <container>/<path> of a FASTA file in storage"
    if not isinstance(value, str) or not value:
        raise InvalidJobError(expected, field=field)
    if "://" in value:
        genome = InputFileSpecification(http_url=value, target_file_path=GENOME_FILE)
    else:
        container, _, path = value.partition("/")
        if not path or path.endswith("/"):
            raise InvalidJobError(f"{expected}, not {value!r}", field=field)
        genome = InputFileSpecification(
            container_name=container, source_blob_path=path, target_file_path=GENOME_FILE
        )
    check_input_file(genome, field=field)
    return genome
