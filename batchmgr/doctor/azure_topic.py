"""The Event Grid topic that events are sent to, as Azure Resource Manager has it."""

from batchmgr.doctor.azure_events import VERSION
from batchmgr.doctor.check_event_topic import CHECK
from batchmgr.doctor.finding import Finding, fine, wrong
from batchmgr.doctor.resource_manager import ResourceManager

SCHEMA = "CloudEventSchemaV1_0"


async def check_schema(arm: ResourceManager, topic_id: str) -> list[Finding]:
    """Return whether the topic takes events of the schema that batchmgr sends."""
    properties = (await arm.get(topic_id, VERSION)).get("properties", {})
    name, schema = topic_id.rpartition("/")[2], str(properties.get("inputSchema", ""))
    if schema == SCHEMA:
        return [fine(CHECK, f"the topic {name} takes CloudEvents")]
    return [
        wrong(
            CHECK,
            f"the topic {name} has the schema {schema}, and takes no CloudEvents: no event gets there",
            "The schema of a topic can't be changed. Make another one, give the app its role there, and set "
            "BATCHMGR_EVENT_TOPIC to its endpoint:\n    az eventgrid topic create --name <topic> "
            "--resource-group <group> --location <region> --input-schema cloudeventschemav1_0",
        )
    ]
