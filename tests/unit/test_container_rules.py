"""Which containers a job may name, however the name or the URL is spelled."""

import re
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.plan.container_rules import RESERVED, ContainerRules, chooses_container, reserved_problem
from batchmgr.plan.file_specifications import OWN_CONTAINERS
from batchmgr.plan.file_specifications import InputFileSpecification as InputFile
from batchmgr.plan.file_specifications import OutputFileSpecification as OutputFile
from batchmgr.plan.ids import job_container

AZURE = ContainerRules(endpoint="https://acct.blob.core.windows.net/")
EMULATOR = ContainerRules(endpoint="http://127.0.0.1:10000/devstoreaccount1/")
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/p/userAssignedIdentities/i"


def url_problem(rules: ContainerRules, url: str, identity: str = "") -> str:
    file = InputFile(target_file_path="a", http_url=url, identity_reference=identity)
    problems = list(rules.file_problems("mine", [file], "inputFiles"))
    assert [problem.field for problem in problems] == ["inputFiles[0].httpUrl"] * len(problems)
    return problems[0].reason if problems else ""


@pytest.mark.parametrize(
    "container",
    [
        *sorted(OWN_CONTAINERS),
        *("batchmgr-app-package", "azure-webjobs-secrets", "azure-webjobs-hosts", "app-package-a-0a1b2c3"),
        *("app-aligner-5f3c", "scm-releases", "function-releases", "github-actions-deploy"),
        *("azure-pipelines-deploy", "insights-logs-jobs", "$logs", "$root", "$web"),
    ],
)
def test_what_belongs_to_batchmgr_and_the_platform_is_reserved_in_every_account(container: str) -> None:
    assert "Use another container" in reserved_problem(container)
    everything = ContainerRules(allowed=("*", container))
    for file in (
        InputFile(target_file_path="a", source_blob_path="b", container_name=container),
        OutputFile(source_file_path="a", target_blob_path="b", container_name=container),
        OutputFile(
            source_file_path="a", target_blob_path="b", container_name=container, storage_account_name="other"
        ),
    ):
        [problem] = everything.file_problems("mine", [file], "files")
        assert problem.field == "files[0].containerName"
        assert container in problem.reason


def test_a_job_uses_its_own_container_and_no_other_jobs() -> None:
    only_team = ContainerRules(allowed=("team-*",))
    assert only_team.container_problem("A__b", job_container("a__B")) == ""
    assert "belongs to another job" in only_team.container_problem("A__b", "job-a-b")
    assert "belongs to another job" in ContainerRules().container_problem("mine", job_container("yours"))


def test_patterns_say_which_containers_jobs_may_use_and_the_reason_names_the_setting() -> None:
    rules = ContainerRules(allowed=("genomes", "team-*"))
    assert [rules.container_problem("j", name) for name in ("genomes", "team-a")] == ["", ""]
    assert rules.container_problem("j", "genomes2") == (
        "jobs may not use 'genomes2' here, but genomes, team-*. Use one of these, or have its name added to "
        "BATCHMGR_CONTAINERS"
    )


def test_with_a_data_account_batchmgrs_own_has_only_the_jobs_containers() -> None:
    rules = ContainerRules(endpoint=AZURE.endpoint, has_data_account=True)
    assert rules.container_problem("j", "genomes") == ""
    assert rules.container_problem("j", "genomes", "data") == ""
    assert rules.container_problem("j", "job-j", "acct") == ""
    assert "leave storageAccountName out" in rules.container_problem("j", "genomes", "acct")
    assert url_problem(rules, "https://acct.blob.core.windows.net/genomes/a")
    assert not url_problem(rules, "https://data.blob.core.windows.net/genomes/a")


SPELLINGS = [
    "https://acct.blob.core.windows.net/{}/host.json",
    "http://acct.blob.core.windows.net/{}/host.json?sv=1&sig=x",
    "https://ACCT.Blob.Core.Windows.NET:443/{}/host.json",
    "https://acct.blob.core.windows.net./{}/host.json",
    "https://acct-secondary.blob.core.windows.net/{}/host.json",
    "https://acct.dfs.core.windows.net/{}/host.json",
    "https://acct.web.core.windows.net/{}/host.json",
    "https://acct.z6.web.core.windows.net/{}/host.json",
    "https://acct-secondary.z33.dfs.storage.azure.net/{}/host.json",
    "https://acct-internetrouting.blob.core.windows.net/{}/host.json",
    "https://acct-microsoftrouting.dfs.core.windows.net/{}/host.json",
    "https://acct-secondary-internetrouting.blob.core.windows.net/{}/host.json",
    "https://acct-ipv6.blob.core.windows.net/{}/host.json",
    "https://acct.blob.core.windows.net:0443/{}/host.json",
    "https://acct.privatelink.blob.core.windows.net/{}/host.json",
    "https://acct.z33.blob.storage.azure.net/{}/host.json",
    "https://acct%2eblob.core.windows.net/{}/host.json",
    "https://user:pass@acct.blob.core.windows.net/{}/host.json",
    "https://acct.blob.core.windows.net//{}/host.json",
    "https://acct.blob.core.windows.net/./{}/host.json",
    "https://acct.blob.core.windows.net/public/../{}/host.json",
    "https://acct.blob.core.windows.net/public/%2e%2E/{}/host.json",
    "https://acct.blob.core.windows.net/public%2f..%2f{}/host.json",
    "https://acct.blob.core.windows.net/public\\..\\{}\\host.json",
]
OTHERS = ("azure-webjobs-secrets", "batchmgr-jobs", "$logs", "job-theirs", "BATCHMGR-jobs", "%62atchmgr-jobs")


@pytest.mark.parametrize("container", [*OTHERS, "%2562atchmgr-jobs", "batchmgr%2djobs", "%24logs"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_url_leads_to_a_container_of_others(spelling: str, container: str) -> None:
    assert url_problem(AZURE, spelling.format(container))
    assert url_problem(AZURE, spelling.format(container), IDENTITY)


@pytest.mark.parametrize("container", OTHERS)
@pytest.mark.parametrize(
    "spelling",
    [
        "http://127.0.0.1:10000/devstoreaccount1/{}/a",
        "http://127.0.0.1:10000/devstoreaccount1-secondary/{}/a",
        "http://localhost/devstoreaccount1/{}/a",
        "http://[::1]:10000/DevStoreAccount1/{}/a",
        "http://2130706433:10000/%64evstoreaccount1/{}/a",
        "http://azurite:10000//devstoreaccount1/{}/a",
        "http://devstoreaccount1.blob.localhost:10000/{}/a",
    ],
)
def test_the_same_holds_for_an_emulator_which_has_its_accounts_in_the_path(
    spelling: str, container: str
) -> None:
    assert url_problem(EMULATOR, spelling.format(container))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://acct.blob.core.windows.net/top.txt", r"'\$root' is reserved"),
        ("https://acct.blob.core.windows.net?restype=container", r"'\$root' is reserved"),
        ("https://acct.queue.core.windows.net/batchmgr-callbacks/messages", "has no blobs"),
        ("https://acct.table.core.windows.net/records", "has no blobs"),
    ],
)
def test_a_url_of_the_account_leads_to_a_blob_in_a_container(url: str, words: str) -> None:
    assert re.search(words, url_problem(AZURE, url))


@pytest.mark.parametrize(
    "url",
    [
        "https://acct.blob.core.windows.net/genomes/lambda%20phage.fa?sv=1&sig=x",
        "https://acct.blob.core.windows.net/genomes/a/b%2Fc.fa",
        "https://acct.blob.core.windows.net/job-mine/results/a.txt",
        "https://public.blob.core.windows.net/job-theirs/a.txt",
        "https://example.com/batchmgr-jobs/a.txt",
        "https://acct.example.com/batchmgr-jobs/a.txt",
        "https://github.com/acme/azure-webjobs-sdk/archive.zip",
    ],
)
def test_other_urls_are_left_alone_for_nobody_lends_access_to_what_is_there(url: str) -> None:
    assert url_problem(AZURE, url) == ""


def test_with_an_identity_the_containers_of_every_account_are_judged() -> None:
    other = "https://other.blob.core.windows.net"
    assert "batchmgr keeps" in url_problem(AZURE, f"{other}/batchmgr-jobs/a", IDENTITY)
    assert "another job" in url_problem(AZURE, f"{other}/job-theirs/a", IDENTITY)
    assert url_problem(AZURE, f"{other}/genomes/a", IDENTITY) == ""
    assert "ASCII" in url_problem(AZURE, "https://\uff41cct.blob.core.windows.net/genomes/a", IDENTITY)


UNKNOWN_HOSTS = [
    "https://files.example.com/{}/a.txt",
    "http://FILES.example.com.:80/{}/a.txt",
    "https://d1.z01.azurefd.net/{}/a.txt",
    "https://20.60.10.4/{}/a.txt",
    "https://0x143c0a04/{}/a.txt",
    "https://[2603:1030::4]:443/{}/a.txt",
    "https://acct/{}/a.txt",
    "https://files.example.com//{}/a.txt",
    "https://files.example.com/public/../{}/a.txt",
]
"""Names of an account that batchmgr can't know: its own domain, a gateway before it, its address."""


@pytest.mark.parametrize("container", [*OTHERS, "batchmgr%2djobs", "$root", "app-aligner"])
@pytest.mark.parametrize("spelling", UNKNOWN_HOSTS)
def test_with_an_identity_a_host_that_nobody_knows_is_judged_like_an_account(
    spelling: str, container: str
) -> None:
    assert url_problem(AZURE, spelling.format(container), IDENTITY)
    # Without one nobody lends access: anybody may read what is there, or it has a signature of its own.
    assert url_problem(AZURE, spelling.format(container)) == ""


def test_with_an_identity_such_a_host_has_the_containers_that_jobs_may_name() -> None:
    rules = ContainerRules(endpoint=AZURE.endpoint, allowed=("genomes",))
    assert url_problem(rules, "https://files.example.com/genomes/a.txt", IDENTITY) == ""
    assert url_problem(rules, "https://files.example.com/job-mine/a.txt", IDENTITY) == ""
    assert "BATCHMGR_CONTAINERS" in url_problem(rules, "https://files.example.com/other/a.txt", IDENTITY)
    emulator = "http://other:10000/otheraccount"
    assert "batchmgr keeps" in url_problem(EMULATOR, f"{emulator}/batchmgr-jobs/a.txt", IDENTITY)
    assert url_problem(EMULATOR, f"{emulator}/genomes/a.txt", IDENTITY) == ""


def test_the_app_s_own_domain_is_its_account_for_everybody() -> None:
    rules = ContainerRules(endpoint="https://files.example.com/")
    assert "batchmgr keeps" in url_problem(rules, "https://FILES.example.com.:443/batchmgr-jobs/a.txt")


def test_a_route_to_batchmgrs_account_is_that_account_if_there_is_another_for_data() -> None:
    rules = ContainerRules(endpoint=AZURE.endpoint, has_data_account=True)
    for name in ("acct-secondary", "acct-internetrouting", "acct-ipv6"):
        assert url_problem(rules, f"https://{name}.blob.core.windows.net/genomes/a")
    assert url_problem(rules, "https://acct2.blob.core.windows.net/genomes/a", IDENTITY) == ""


NAMES = st.text(string.ascii_lowercase + string.digits, min_size=3, max_size=12)


@given(st.sampled_from([*RESERVED, "job-", ""]), NAMES, st.data())
def test_each_letter_of_a_url_may_be_encoded_and_the_answer_stays_the_same(
    beginning: str, rest: str, data: st.DataObject
) -> None:
    container = beginning + rest
    times = data.draw(st.lists(st.integers(0, 2), min_size=len(container), max_size=len(container)))
    spelled = "".join(map(_encoded, container, times))
    named = ContainerRules().container_problem("mine", container)
    assert url_problem(AZURE, f"https://acct.blob.core.windows.net/{spelled}/a.txt") == named
    assert url_problem(EMULATOR, f"http://localhost:1/devstoreaccount1/{spelled}/a.txt") == named


def _encoded(letter: str, times: int) -> str:
    return quote(f"%{ord(letter):02x}") if times == 2 else f"%{ord(letter):02X}" if times else letter


@pytest.mark.parametrize(
    ("beginning", "chooses"),
    [
        ("", True),
        ("https://", True),
        ("https://acct.blob.core.windows.net/", True),
        ("https://acct.blob.core.windows.net/gen", True),
        ("https://acct.blob.core.windows.net/genomes/", False),
        ("http://127.0.0.1:10000/devstoreaccount1/", True),
        ("http://127.0.0.1:10000/devstoreaccount1/genomes/", False),
        ("https://[::1/", True),
        ("https://example.com/", False),
    ],
)
def test_a_placeholder_in_a_url_may_choose_a_container_until_that_has_been_named(
    beginning: str, chooses: bool
) -> None:
    assert chooses_container(beginning) is chooses


@pytest.mark.parametrize(
    ("beginning", "chooses"),
    [
        ("https://files.example.com/", True),
        ("https://files.example.com/account-or-container/", True),
        ("https://files.example.com/a/b/", False),
        ("https://acct.blob.core.windows.net/genomes/", False),
    ],
)
def test_with_an_identity_it_may_do_so_behind_any_host(beginning: str, chooses: bool) -> None:
    assert chooses_container(beginning, has_identity=True) is chooses
