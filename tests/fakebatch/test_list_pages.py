"""Lists: their order, pages, filters and selections."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.batch.aio import BatchClient
from azure.batch.models import BatchTaskCreateOptions

from batchmgr.adapters import task_pages
from fakebatch.bodies.task_bodies import summary
from tests.fakebatch.driving import add_job, add_task, ended
from tests.fakebatch.raw_http import request


async def test_lists_are_in_ordinal_order_of_the_ids(endpoint: str, batch: BatchClient) -> None:
    await add_job(batch, pool_id="later")
    for task_id in ("b", "A", "a1", "_", "B1", "-", "0"):
        await add_task(batch, task_id)
    found = (await request(endpoint, "GET", "/jobs/job/tasks", query={"$select": "id"})).json["value"]
    assert found == [{"id": task_id} for task_id in ("-", "0", "A", "B1", "_", "a1", "b")]


async def test_pages_follow_an_absolute_link(endpoint: str, batch: BatchClient) -> None:
    await add_job(batch, pool_id="later")
    await asyncio.gather(*(add_task(batch, f"t{number}") for number in range(5)))
    query = {"maxresults": "2", "$filter": "id ne 't3' and state eq 'active'", "$select": "id, state"}
    page = (await request(endpoint, "GET", "/jobs/job/tasks", query=query)).json
    assert page["value"] == [{"id": "t0", "state": "active"}, {"id": "t1", "state": "active"}]
    link = page["odata.nextLink"]
    assert link.startswith(f"{endpoint}/jobs/job/tasks?")
    assert "+" not in link
    token = parse_qs(urlsplit(link).query)["$skiptoken"][0]
    page = (await request(endpoint, "GET", "/jobs/job/tasks", query={**query, "$skiptoken": token})).json
    assert [task["id"] for task in page["value"]] == ["t2", "t4"]
    assert "odata.nextLink" not in page


async def test_a_task_added_or_deleted_between_pages_moves_no_other(
    endpoint: str, batch: BatchClient
) -> None:
    await add_job(batch, pool_id="later")
    for task_id in ("b", "c", "d", "e"):
        await add_task(batch, task_id)
    pages = batch.list_tasks("job", max_results=2).by_page()
    seen = [task.id async for task in await anext(pages)]
    await batch.delete_task("job", "c")
    await add_task(batch, "a")
    seen += [task.id async for page in pages async for task in page]
    assert seen == ["b", "c", "d", "e"]


async def test_the_client_reads_all_pages_of_a_filtered_list(batch: BatchClient) -> None:
    await add_job(batch)
    for number in range(4):
        await add_task(batch, f"t{number}", "false" if number % 2 else "true")
        await ended(batch, f"t{number}")
    failed = batch.list_tasks("job", filter="executionInfo/exitCode ne 0", select=["id"], max_results=1)
    assert [task.id async for task in failed] == ["t1", "t3"]


async def test_changes_since_a_time_are_found(endpoint: str, batch: BatchClient) -> None:
    await add_job(batch)
    await add_task(batch, "early")
    await ended(batch, "early")
    since = (await request(endpoint, "GET", "/jobs/job/tasks/early")).json["stateTransitionTime"]
    await add_task(batch, "late")
    await ended(batch, "late")
    text = f"stateTransitionTime gt DateTime'{since}'"
    assert [task.id async for task in batch.list_tasks("job", filter=text)] == ["late"]


@pytest.mark.parametrize("token", ["ü", "5", "a b", "https://example.com"])
async def test_a_token_that_no_page_has_had_is_refused(endpoint: str, token: str) -> None:
    reply = await request(endpoint, "GET", "/jobs", query={"$skiptoken": token})
    assert (reply.status, reply.code) == (400, "InvalidQueryParameterValue")
    assert reply.values["QueryParameterName"] == "$skiptoken"


@pytest.mark.parametrize("size", ["0", "-5", "1001", "many"])
async def test_a_page_has_1_to_1000_items(endpoint: str, size: str) -> None:
    reply = await request(endpoint, "GET", "/jobs", query={"maxresults": size})
    assert (reply.status, reply.code) == (400, "InvalidQueryParameterValue")
    assert reply.values["QueryParameterName"] == "maxresults"


async def test_a_list_of_jobs_is_filtered_by_state_and_id(endpoint: str, batch: BatchClient) -> None:
    for job_id in ("alpha-1", "alpha-2", "beta"):
        await add_job(batch, job_id, pool_id="later")
    query = {"$filter": "startswith(id,'alpha') and state eq 'active'", "$select": "id", "$expand": "stats"}
    reply = await request(endpoint, "GET", "/jobs", query=query)
    assert reply.json["value"] == [{"id": "alpha-1"}, {"id": "alpha-2"}]


async def test_a_filter_on_an_unknown_property_is_refused(endpoint: str) -> None:
    reply = await request(endpoint, "GET", "/jobs", query={"$filter": "color eq 'red'"})
    assert (reply.status, reply.code) == (400, "InvalidQueryParameterValue")


async def test_a_selection_shows_the_same_as_the_whole_task(endpoint: str, batch: BatchClient) -> None:
    await add_job(batch)
    named = BatchTaskCreateOptions(id="named", command_line="true", display_name="A name")
    await batch.create_task("job", named)
    await add_task(batch, "plain")
    for task_id in ("named", "plain"):
        await ended(batch, task_id)
    names = set(task_pages.FIELDS.split(","))
    assert names <= summary("job", endpoint).keys()  # the whole view of a task would take twice as long
    whole = (await request(endpoint, "GET", "/jobs/job/tasks")).json["value"]
    query = {"$select": ",".join(names)}
    selected = (await request(endpoint, "GET", "/jobs/job/tasks", query=query)).json["value"]
    assert selected == [{name: task[name] for name in names & task.keys()} for task in whole]
    assert [task.get("displayName") for task in selected] == ["A name", None]
    assert all(task["nodeInfo"]["nodeId"] for task in selected)
