"""Orders: taken over HTTP, priced and stored by one function each, with a queue between them."""

import json
import logging
import os
from contextlib import suppress

import azure.functions as func
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

STORAGE = "AzureWebJobsStorage"
PRICES = {"apple": 0.5, "melon": 3.0}

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders/{id}", methods=["PUT"])
@app.queue_output(arg_name="orders", queue_name="orders", connection=STORAGE)
def take_order(req: func.HttpRequest, orders: func.Out[str]) -> func.HttpResponse:
    """Put an order on the queue, and return before anybody has looked at it."""
    order = {"order": req.route_params["id"], "items": req.get_json()}
    orders.set(json.dumps(order))
    return func.HttpResponse(status_code=202)


@app.queue_trigger(arg_name="message", queue_name="orders", connection=STORAGE)
@app.queue_output(arg_name="$return", queue_name="priced-orders", connection=STORAGE)
def price_order(message: func.QueueMessage) -> str:
    """Add the price. With an unknown item it fails, and goes to `orders-poison` after three attempts."""
    order = message.get_json()
    total = sum(PRICES[item] * count for item, count in order["items"].items())
    return json.dumps(order | {"total": total})


@app.queue_trigger(arg_name="message", queue_name="priced-orders", connection=STORAGE)
def store_order(message: func.QueueMessage) -> None:
    """Write a receipt. Queues deliver at least once, so the blob's name comes from the order."""
    order = message.get_json()
    _write(f"receipts/{order['order']}.json", order)


@app.queue_trigger(arg_name="message", queue_name="orders-poison", connection=STORAGE)
def reject_order(message: func.QueueMessage) -> None:
    """Keep an order that could not be priced, for a person to look at."""
    order = message.get_json()
    logging.warning("Order %s cannot be priced", order["order"])
    _write(f"rejected/{order['order']}.json", order)


def _write(name: str, document: object) -> None:
    with ContainerClient.from_connection_string(os.environ[STORAGE], "shop") as container:
        with suppress(ResourceExistsError):
            container.create_container()
        container.upload_blob(name, json.dumps(document), overwrite=True)
