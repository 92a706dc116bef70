"""Filters, schemas, retry pauses, the log and the files of the Event Grid topic."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions_host.errors import SubscriptionError
from functions_host.event_grid.blob_watch import BlobVersion
from functions_host.event_grid.delivery_log import DeliveryLog
from functions_host.event_grid.delivery_outcome import DeliveryOutcome
from functions_host.event_grid.event_subscription import (
    BLOB_CREATED,
    EventFilter,
    EventSubscription,
    RetryPolicy,
    blob_subject,
)
from functions_host.event_grid.storage_event import blob_created, encode_events
from functions_host.event_grid.subscription_file import read_subscriptions
from functions_host.event_grid.system_topic import topic_id

WEBHOOK = "http://localhost:7071/runtime/webhooks/blobs?functionName=Host.Functions.on_upload"


def a_version(name: str = "a b/ü.json", *, etag: str = "0x8D4", blob_type: str = "BlockBlob") -> BlobVersion:
    return BlobVersion(
        container="uploads",
        name=name,
        container_url="http://127.0.0.1:10000/devstoreaccount1/uploads",
        etag=etag,
        blob_type=blob_type,
        content_type="text/plain",
        size=3,
        has_md5=True,
        created=datetime(2026, 1, 2, tzinfo=UTC),
        last_modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


class TestFilter:
    @pytest.mark.parametrize(
        ("event_filter", "matches"),
        [
            (EventFilter(), True),
            (EventFilter(subject_begins_with=blob_subject("uploads", "in/")), True),
            (EventFilter(subject_begins_with=blob_subject("uploads", "IN/")), True),
            (EventFilter(subject_begins_with=blob_subject("uploads", "IN/"), is_case_sensitive=True), False),
            (EventFilter(subject_ends_with=".json"), False),
            (EventFilter(subject_ends_with=".CSV"), True),
            (EventFilter(subject_ends_with=".CSV", is_case_sensitive=True), False),
            (EventFilter(included_event_types=frozenset({"Microsoft.Storage.BlobDeleted"})), False),
        ],
    )
    def test_subjects_and_types_are_compared(self, event_filter: EventFilter, matches: bool) -> None:
        assert event_filter.matches(BLOB_CREATED, blob_subject("uploads", "in/a.csv")) is matches

    @pytest.mark.parametrize(
        ("begins_with", "container", "prefix"),
        [
            ("", None, ""),
            ("/blobServices/default/containers/up", None, "up"),
            ("/blobServices/default/containers/uploads/", "uploads", "uploads"),
            ("/blobservices/default/containers/uploads/blobs/in", "uploads", "uploads"),
            ("/blobServices", None, ""),
        ],
    )
    def test_only_containers_that_can_match_are_listed(
        self, begins_with: str, container: str | None, prefix: str
    ) -> None:
        event_filter = EventFilter(subject_begins_with=begins_with)
        assert (event_filter.container, event_filter.container_prefix) == (container, prefix)


class TestSchemas:
    def test_an_event_of_event_grid_has_all_its_properties(self) -> None:
        version = a_version()
        (event,) = json.loads(encode_events([blob_created("/t", version)], "EventGridSchema", batch=False))
        data = event.pop("data")
        identity = event.pop("id")
        assert event == {
            "topic": "/t",
            "subject": "/blobServices/default/containers/uploads/blobs/a b/ü.json",
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": "2026-01-02T03:04:05.0000000Z",
            "dataVersion": "",
            "metadataVersion": "1",
        }
        assert set(data) == {
            *("api", "clientRequestId", "requestId", "eTag", "contentType", "contentLength", "blobType"),
            *("url", "sequencer", "storageDiagnostics"),
        }
        assert data["url"] == "http://127.0.0.1:10000/devstoreaccount1/uploads/a%20b/%C3%BC.json"
        assert (data["api"], data["eTag"], data["contentLength"]) == ("PutBlob", "0x8D4", 3)
        assert data["requestId"] == identity[:-6] + "000000"

    def test_a_cloud_event_is_one_object_unless_there_are_batches(self) -> None:
        event = blob_created("/t", a_version())
        one = json.loads(encode_events([event], "CloudEventSchemaV1_0", batch=False))
        assert json.loads(encode_events([event], "CloudEventSchemaV1_0", batch=True)) == [one]
        assert {name: one[name] for name in ("specversion", "type", "source", "time")} == {
            "specversion": "1.0",
            "type": "Microsoft.Storage.BlobCreated",
            "source": "/t",
            "time": "2026-01-02T03:04:05.0000000Z",
        }

    def test_an_event_that_is_raised_again_has_the_same_id_and_a_later_sequencer(self) -> None:
        first, again, other = (blob_created("/t", a_version(etag=etag)) for etag in ("1", "1", "2"))
        assert first.id == again.id != other.id
        assert first.data["sequencer"] < again.data["sequencer"] < other.data["sequencer"]

    def test_appending_is_no_new_version(self) -> None:
        before, after = (a_version(etag=etag, blob_type="AppendBlob") for etag in ("1", "2"))
        assert before.tag == after.tag
        assert a_version(etag="1").tag != a_version(etag="2").tag

    def test_the_topic_is_the_resource_id_of_the_account(self) -> None:
        assert topic_id("acct").endswith("/providers/Microsoft.Storage/storageAccounts/acct")


class TestOutcome:
    def test_the_pauses_are_those_of_the_documentation(self) -> None:
        pauses = [DeliveryOutcome.of_status(500).pause_after(attempts) for attempts in range(1, 13)]
        minutes = 60.0
        hours = 60 * minutes
        assert pauses == [
            *(10.0, 30.0, 1 * minutes, 5 * minutes, 10 * minutes, 30 * minutes),
            *(1 * hours, 3 * hours, 6 * hours, 12 * hours, 12 * hours, 12 * hours),
        ]

    @pytest.mark.parametrize(
        ("status", "delivered", "retried", "name"),
        [
            (200, True, False, "Delivered"),
            (202, True, False, "Delivered"),
            (204, True, False, "Delivered"),
            (205, False, True, "Busy"),
            (302, False, True, "Busy"),
            (400, False, False, "BadRequest"),
            (401, False, False, "Unauthorized"),
            (403, False, False, "Forbidden"),
            (404, False, True, "NotFound"),
            (413, False, False, "PayloadTooLarge"),
            (500, False, True, "Busy"),
        ],
    )
    def test_a_status_says_whether_to_try_again(
        self, status: int, delivered: bool, retried: bool, name: str
    ) -> None:
        outcome = DeliveryOutcome.of_status(status)
        assert (outcome.is_delivered, outcome.is_retried, outcome.name) == (delivered, retried, name)

    def test_some_statuses_have_a_longer_first_pause(self) -> None:
        assert DeliveryOutcome.of_status(408).pause_after(1) == 120
        assert DeliveryOutcome.of_status(503).pause_after(1) == 30
        assert DeliveryOutcome.of_status(503).pause_after(4) == 300


class TestLog:
    def test_what_was_added_is_read_and_the_last_line_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "local.jsonl"
        log = DeliveryLog(path)
        assert log.read() is None
        log.open({("uploads", "old"): "1"})
        log.add(a_version("new\n", etag="1"))
        log.add(a_version("new\n", etag="2"))
        log.close()
        assert DeliveryLog(path).read() == {("uploads", "old"): "1", ("uploads", "new\n"): "2"}

    def test_a_line_that_a_crash_cut_off_is_ignored(self, tmp_path: Path) -> None:
        path = tmp_path / "local.jsonl"
        path.write_text('["c", "a", "1"]\n["c", "b"')
        assert DeliveryLog(path).read() == {("c", "a"): "1"}

    def test_another_file_is_not_overwritten(self, tmp_path: Path) -> None:
        path = tmp_path / "local.jsonl"
        path.write_text("something else\n")
        with pytest.raises(SubscriptionError, match="is not a log of deliveries"):
            DeliveryLog(path).read()

    def test_without_a_path_nothing_is_remembered(self) -> None:
        log = DeliveryLog(None)
        log.open({})
        log.add(a_version())
        log.close()
        assert log.read() is None


class TestSubscriptions:
    RESOURCE: Mapping[str, Any] = {
        "name": "on-upload",
        "properties": {
            "destination": {
                "endpointType": "WebHook",
                "properties": {"endpointUrl": WEBHOOK, "maxEventsPerBatch": 5},
            },
            "filter": {
                "includedEventTypes": [BLOB_CREATED],
                "subjectBeginsWith": "/blobServices/default/containers/uploads/",
                "subjectEndsWith": ".json",
            },
            "eventDeliverySchema": "CloudEventSchemaV1_0",
            "retryPolicy": {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 5},
            "deadLetterDestination": {
                "endpointType": "StorageBlob",
                "properties": {"resourceId": "…", "blobContainerName": "dead"},
            },
        },
    }

    def test_a_subscription_is_read_as_a_template_has_it(self, tmp_path: Path) -> None:
        path = tmp_path / "subscriptions.json"
        path.write_text(json.dumps([self.RESOURCE]))
        assert read_subscriptions(path) == [
            EventSubscription(
                name="on-upload",
                webhook=WEBHOOK,
                filter=EventFilter(
                    subject_begins_with="/blobServices/default/containers/uploads/", subject_ends_with=".json"
                ),
                delivery_schema="CloudEventSchemaV1_0",
                retry=RetryPolicy(max_delivery_attempts=3, time_to_live=timedelta(minutes=5)),
                max_events_per_batch=5,
                dead_letter_container="dead",
            )
        ]

    @pytest.mark.parametrize(
        ("properties", "message"),
        [
            ({"destination": {"endpointType": "EventHub"}}, "'EventHub' is not supported"),
            ({"destination": {}}, "'endpointType' is missing"),
            ({"eventDeliverySchema": "Custom"}, "schema 'Custom' is not supported"),
            ({"filter": {"advancedFilters": [{}]}}, "advanced filters are not supported"),
            ({"retryPolicy": {"maxDeliveryAttempts": 31}}, "must be 1 to 30"),
            ({"retryPolicy": {"eventTimeToLiveInMinutes": 0}}, "must be 1 to 1440"),
            ({"retryPolicy": 5}, "does not describe event subscriptions"),
        ],
    )
    def test_what_is_wrong_with_a_file_is_named(
        self, tmp_path: Path, properties: Mapping[str, Any], message: str
    ) -> None:
        path = tmp_path / "subscriptions.json"
        path.write_text(json.dumps({"name": "x", "properties": self.RESOURCE["properties"] | properties}))
        with pytest.raises(SubscriptionError, match=message):
            read_subscriptions(path)

    def test_a_missing_file_and_a_url_without_a_scheme_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(SubscriptionError, match="cannot read"):
            read_subscriptions(tmp_path / "nothing")
        with pytest.raises(SubscriptionError, match="is not an HTTP URL"):
            EventSubscription(name="x", webhook="localhost")
