"""Who exports telemetry, and whether it can get anywhere. Nothing is called."""

import re
from collections.abc import Iterator, Mapping

from batchmgr.adapters.telemetry import Exporter
from batchmgr.doctor.check_settings import is_local
from batchmgr.doctor.finding import Finding, Status, fine, unknown, warning, wrong
from batchmgr.doctor.remedies import Remedies
from batchmgr.settings import Settings, telemetry_options

CHECK = "telemetry"
STRING = "APPLICATIONINSIGHTS_CONNECTION_STRING"
AUTHENTICATION = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"
WORKER = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"
BATCHMGR = "PYTHON_ENABLE_OPENTELEMETRY"
_KEY = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_MODES = {
    Exporter.WORKER: "the Functions worker exports",
    Exporter.BATCHMGR: "batchmgr exports",
    Exporter.HOST: "nobody exports traces and metrics",
}


def check_telemetry(settings: Settings, environment: Mapping[str, str], remedies: Remedies) -> list[Finding]:
    """Return what is to be said about telemetry."""
    findings = [
        *_mode(settings, environment, remedies),
        *_connection_string(environment.get(STRING, "").strip(), remedies),
        *_authentication(settings, environment, remedies),
    ]
    if not any(finding.status is not Status.UNKNOWN for finding in findings):
        findings.append(fine(CHECK, _MODES[settings.telemetry.exporter]))
    return findings


def _mode(settings: Settings, environment: Mapping[str, str], remedies: Remedies) -> Iterator[Finding]:
    options = settings.telemetry
    goes_somewhere = bool(options.connection_string or options.has_otlp)
    without_worker = telemetry_options({**environment, WORKER: "false"}).exporter
    if options.exporter is Exporter.WORKER and without_worker is Exporter.BATCHMGR:
        yield warning(
            CHECK,
            f"{WORKER} and {BATCHMGR} are both true: both would export, and only the worker does",
            remedies.remove(BATCHMGR),
        )
    if options.exporter is Exporter.WORKER and not options.connection_string:
        yield wrong(
            CHECK,
            f"{WORKER} is true, but {STRING} is missing: logs, traces and metrics are all lost, because the "
            "host exports no logs either",
            _set_string(remedies),
        )
    elif options.exporter is Exporter.BATCHMGR and not goes_somewhere:
        yield wrong(
            CHECK,
            f"{BATCHMGR} is true, but nothing says where telemetry goes: logs, traces and metrics are lost",
            f"{_set_string(remedies)}\nOr set OTEL_EXPORTER_OTLP_ENDPOINT.",
        )
    elif options.exporter is Exporter.HOST and goes_somewhere:
        yield warning(
            CHECK,
            "only logs are exported, by the Functions host: traces and metrics of batchmgr are missing",
            remedies.set(WORKER, "true"),
        )
    elif options.exporter is Exporter.HOST and not is_local(settings):
        yield warning(
            CHECK, "no telemetry is exported", f"{remedies.set(WORKER, 'true')}\n{_set_string(remedies)}"
        )


def _connection_string(text: str, remedies: Remedies) -> Iterator[Finding]:
    if not text:
        return
    if text.startswith("@"):
        yield unknown(CHECK, f"{STRING} is a reference to a secret")
        return
    parts = [part.split("=") for part in text.split(";")]
    values = {part[0].lower(): part[1] for part in parts if len(part) == 2}
    if any(len(part) != 2 for part in parts):
        problem = "is not a list of name=value, separated by semicolons, without one at the end"
    elif not _KEY.fullmatch(values.get("instrumentationkey", "")):
        problem = "has no valid InstrumentationKey"
    else:
        return
    yield wrong(CHECK, f"{STRING} {problem}: nothing is exported", _set_string(remedies))


def _authentication(
    settings: Settings, environment: Mapping[str, str], remedies: Remedies
) -> Iterator[Finding]:
    text = environment.get(AUTHENTICATION)
    if text is None:
        return
    client_id = settings.identity_client_id
    right = f"ClientId={client_id};Authorization=AAD" if client_id else "Authorization=AAD"
    parts = [part.split("=") for part in text.split(";")]
    values = {part[0].lower(): part[1] for part in parts if len(part) == 2}
    if any(len(part) != 2 for part in parts):
        yield wrong(
            CHECK,
            f"{AUTHENTICATION} can't be read by the exporter, which then goes on without an identity: "
            "it has an empty part, such as after a semicolon at its end",
            remedies.set(AUTHENTICATION, right),
        )
    elif values.get("authorization") != "AAD":
        yield wrong(
            CHECK,
            f"{AUTHENTICATION} has no Authorization=AAD: the exporter uses no identity",
            remedies.set(AUTHENTICATION, right),
        )
    elif client_id and values.get("clientid", "").lower() != client_id.lower():
        yield warning(
            CHECK,
            f"{AUTHENTICATION} names another identity than AzureWebJobsStorage__clientId",
            remedies.set(AUTHENTICATION, right),
        )


def _set_string(remedies: Remedies) -> str:
    return (
        f"Set {STRING}, in {remedies.source}, to what this command prints:\n"
        "    az monitor app-insights component show --query '[].connectionString' --output tsv"
    )
