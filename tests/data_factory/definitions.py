"""The JSON of Data Factory, as its repository holds it: the properties of each kind of activity.

The names, the required properties and the patterns are those of the resource types `pipelines` and
`linkedservices` of Microsoft.DataFactory/factories, version 2018-06-01, as far as the examples need them. A
property that is not listed here is an error.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

TIMESPAN = r"^((\d+)\.)?(\d\d):(60|([0-5][0-9])):(60|([0-5][0-9]))$"
NAME = r"^[A-Za-z0-9_][^<>*#.%&:\\+?/]*$"

Timespan = Annotated[str, msgspec.Meta(pattern=TIMESPAN)]
Name = Annotated[str, msgspec.Meta(pattern=NAME, min_length=1, max_length=260)]
Dynamic = Any
"""A literal value, or one that is evaluated when the activity runs."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The base of all parts of a definition."""


class Expression(Part, frozen=True, kw_only=True):
    value: str
    type: Literal["Expression"]


class Reference(Part, frozen=True, kw_only=True):
    reference_name: str
    type: Literal["LinkedServiceReference"]


class Dependency(Part, frozen=True, kw_only=True):
    activity: str
    dependency_conditions: Annotated[
        tuple[Literal["Succeeded", "Failed", "Skipped", "Completed"], ...], msgspec.Meta(min_length=1)
    ]


class SecurePolicy(Part, frozen=True, kw_only=True):
    """The policy of activities that can't be repeated."""

    secure_input: bool = False
    secure_output: bool = False


class Policy(SecurePolicy, frozen=True, kw_only=True):
    timeout: Timespan = "7.00:00:00"
    retry: Annotated[int, msgspec.Meta(ge=0)] = 0
    retry_interval_in_seconds: Annotated[int, msgspec.Meta(ge=30, le=86400)] = 30


class Authentication(Part, frozen=True, kw_only=True):
    type: Literal["MSI"]
    resource: str


class Activity(Part, frozen=True, kw_only=True, tag_field="type"):
    """What all activities have."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=55)]
    description: str = ""
    depends_on: tuple[Dependency, ...] = ()
    user_properties: tuple[Any, ...] = ()


class WebHookProperties(Part, frozen=True, kw_only=True):
    url: Dynamic
    method: Literal["POST"]
    headers: dict[str, Dynamic]
    body: Dynamic
    timeout: Timespan = "00:10:00"
    report_status_on_call_back: bool = False
    authentication: Authentication | None = None


class WebHook(Activity, frozen=True, kw_only=True, tag="WebHook"):
    type_properties: WebHookProperties
    policy: SecurePolicy = SecurePolicy()


class WebProperties(Part, frozen=True, kw_only=True):
    url: Dynamic
    method: Literal["GET", "POST", "PUT", "DELETE"]
    headers: dict[str, Dynamic] = {}
    body: Dynamic = None
    authentication: Authentication | None = None
    turn_off_async: bool = False
    http_request_timeout: Annotated[str, msgspec.Meta(pattern=r"^00:(0[1-9]:[0-5]\d|10:00)$")] = "00:01:00"


class WebActivity(Activity, frozen=True, kw_only=True, tag="WebActivity"):
    type_properties: WebProperties
    policy: Policy = Policy()


class FunctionProperties(Part, frozen=True, kw_only=True):
    function_name: Dynamic
    method: Literal["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"]
    headers: dict[str, Dynamic] = {}
    body: Dynamic = None


class AzureFunctionActivity(Activity, frozen=True, kw_only=True, tag="AzureFunctionActivity"):
    type_properties: FunctionProperties
    linked_service_name: Reference
    policy: Policy = Policy()


class WaitProperties(Part, frozen=True, kw_only=True):
    wait_time_in_seconds: Dynamic


class Wait(Activity, frozen=True, kw_only=True, tag="Wait"):
    type_properties: WaitProperties


class FailProperties(Part, frozen=True, kw_only=True):
    message: Dynamic
    error_code: Dynamic


class Fail(Activity, frozen=True, kw_only=True, tag="Fail"):
    type_properties: FailProperties


class SetVariableProperties(Part, frozen=True, kw_only=True):
    variable_name: str
    value: Dynamic


class SetVariable(Activity, frozen=True, kw_only=True, tag="SetVariable"):
    type_properties: SetVariableProperties
    policy: SecurePolicy = SecurePolicy()


Inner = WebHook | WebActivity | AzureFunctionActivity | Wait | Fail | SetVariable
"""Activities that may stand in others: an Until or an If Condition holds no other one of its kind here."""


class IfProperties(Part, frozen=True, kw_only=True):
    expression: Expression
    if_true_activities: tuple[Inner, ...] = ()
    if_false_activities: tuple[Inner, ...] = ()


class IfCondition(Activity, frozen=True, kw_only=True, tag="IfCondition"):
    type_properties: IfProperties


class UntilProperties(Part, frozen=True, kw_only=True):
    expression: Expression
    activities: tuple[Inner, ...]
    timeout: Timespan = "7.00:00:00"


class Until(Activity, frozen=True, kw_only=True, tag="Until"):
    type_properties: UntilProperties


AnyActivity = Inner | IfCondition | Until


class Parameter(Part, frozen=True, kw_only=True):
    type: Literal["Object", "String", "Int", "Float", "Bool", "Array", "SecureString"]
    default_value: Any = None


class Variable(Part, frozen=True, kw_only=True):
    type: Literal["String", "Bool", "Array"]
    default_value: Any = None


class Folder(Part, frozen=True, kw_only=True):
    name: str


class PipelineProperties(Part, frozen=True, kw_only=True):
    activities: tuple[AnyActivity, ...]
    description: str = ""
    parameters: dict[str, Parameter] = {}
    variables: dict[str, Variable] = {}
    annotations: tuple[Any, ...] = ()
    folder: Folder | None = None


class Pipeline(Part, frozen=True, kw_only=True):
    name: Name
    properties: PipelineProperties


class VaultProperties(Part, frozen=True, kw_only=True):
    base_url: Dynamic


class KeyVault(Part, frozen=True, kw_only=True, tag_field="type", tag="AzureKeyVault"):
    type_properties: VaultProperties
    annotations: tuple[Any, ...] = ()


class VaultSecret(Part, frozen=True, kw_only=True):
    type: Literal["AzureKeyVaultSecret"]
    store: Reference
    secret_name: Dynamic


class FunctionAppProperties(Part, frozen=True, kw_only=True):
    function_app_url: Dynamic
    function_key: VaultSecret


class FunctionApp(Part, frozen=True, kw_only=True, tag_field="type", tag="AzureFunction"):
    type_properties: FunctionAppProperties
    annotations: tuple[Any, ...] = ()


class LinkedService(Part, frozen=True, kw_only=True):
    name: Name
    properties: KeyVault | FunctionApp


FILES = Path(__file__).parents[2] / "examples" / "data-factory"


def read_pipeline(name: str) -> Pipeline:
    """Return a pipeline of the examples."""
    return msgspec.json.decode((FILES / "pipeline" / f"{name}.json").read_bytes(), type=Pipeline)


def read_linked_services() -> dict[str, KeyVault | FunctionApp]:
    """Return the linked services of the examples, by name."""
    files = (FILES / "linkedService").glob("*.json")
    services = [msgspec.json.decode(file.read_bytes(), type=LinkedService) for file in files]
    return {service.name: service.properties for service in services}


def seconds(timespan: str) -> float:
    """Return how long a timespan is.

    >>> seconds("1.00:10:00"), seconds("00:01:30")
    (87000.0, 90.0)
    """
    days, hours, minutes, rest = re.fullmatch(r"(?:(\d+)\.)?(\d\d):(\d\d):(\d\d)", timespan).groups("0")  # type: ignore[union-attr]
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60.0 + int(rest)
