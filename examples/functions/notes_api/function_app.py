"""Notes over HTTP: anybody reads them, a function key writes them, the master key deletes all."""

import itertools
import json
from collections.abc import Mapping

import azure.functions as func

NOTES: dict[int, str] = {}
"""In memory: they end with the process."""

_numbers = itertools.count(1)

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="notes/{id:int}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def read_note(req: func.HttpRequest) -> func.HttpResponse:
    """Return a note. Route values are strings, also those of an `int`."""
    number = int(req.route_params["id"])
    return _json({"id": number, "text": NOTES[number]}) if number in NOTES else _missing()


@app.route(route="notes/{word:alpha:minlength(3)}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def search_notes(req: func.HttpRequest) -> func.HttpResponse:
    """Return the numbers of the notes with a word of at least three letters."""
    word = req.route_params["word"].lower()
    return _json([number for number, text in NOTES.items() if word in text.lower()])


@app.route(route="notes", methods=["POST"])
def write_note(req: func.HttpRequest) -> func.HttpResponse:
    """Store a note. It needs the function key, as `x-functions-key` or `?code=`."""
    number = next(_numbers)
    NOTES[number] = req.get_body().decode()
    return _json({"id": number}, status=201, headers={"Location": f"{req.url}/{number}"})


@app.route(route="notes", methods=["DELETE"], auth_level=func.AuthLevel.ADMIN)
async def delete_notes(req: func.HttpRequest) -> func.HttpResponse:
    """Delete all notes. It needs the master key."""
    NOTES.clear()
    return func.HttpResponse(status_code=204)


def _json(
    document: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(document), status_code=status, headers=dict(headers or {}), mimetype="application/json"
    )


def _missing() -> func.HttpResponse:
    return _json({"error": "no such note"}, status=404)
