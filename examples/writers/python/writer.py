"""Writes events to the outbox from Python, in the transaction of the business data.

    python writer.py conformance                    one JSON change a line -> one outbox item a line
    python writer.py commit OUTBOX_TABLE ORDERS     one JSON change a line -> committed, with an item of ORDERS
"""

import base64
import gzip
import hashlib
import json
import os
import re
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from jsonschema import Draft202012Validator

# `item.schema.json` of the npm package dynamodb-outbox; here, of this repository.
SCHEMA_FILE = os.environ.get("ITEM_SCHEMA", Path(__file__).parents[3] / "lib/event/item.schema.json")
SCHEMA = Draft202012Validator(json.loads(Path(SCHEMA_FILE).read_text("utf-8")))

MAX_VERSION = 2**53 - 1
MAX_KEY_BYTES = 2048
MAX_ITEM_BYTES = 400 * 1024
MAX_DECOMPRESSED_BYTES = 1024 * 1024
# The relay adds its marks to the item: a parked item's reason, and a receipt for each event.
MARK_BYTES, RECEIPT_BYTES = 2000, 40
ITEM_ATTRIBUTES = ("traceparent", "tracestate", "causationId", "correlationId")


class Refused(Exception):
    """The change has no valid item. Nothing is written."""


def require(condition, rule):
    if not condition:
        raise Refused(rule)


def item_of(change):
    """The outbox item of a change, with plain Python values."""
    aggregate, key, version = change.get("aggregate"), change.get("key"), change.get("version")
    require(isinstance(key, str) and key != "", "key: a text that is not empty")
    # A "#" in the aggregate would end it, and the rest would become a part of the key.
    require(isinstance(aggregate, str) and "#" not in aggregate, 'aggregate: a text without "#"')
    require(version is None or is_integer(version, MAX_VERSION), f"version: an integer from 0 to {MAX_VERSION}")
    request_id = change.get("requestId")
    require(request_id is None or isinstance(request_id, str) and "committedAt" in change, "requestId: with committedAt")
    committed_at = change.get("committedAt", time.time_ns() // 1_000_000)
    require(is_integer(committed_at, 253_402_300_799_999), "committedAt: an integer of epoch milliseconds")
    require(not 1e8 <= committed_at < 1e10, "committedAt: epoch milliseconds, not seconds")
    events = change.get("events")
    require(isinstance(events, list) and events, "events: at least one")
    require(all(isinstance(event, dict) for event in events), "events: objects")

    pk = f"{aggregate}#{key}"
    ids = [uuid_v7(committed_at, request_id, pk, index) for index in range(len(events))]
    item = {
        "pk": pk,
        # A repeated request must have the same position, so it does not depend on ids that a caller names.
        "sk": ids[0] if version is None else f"{version:016d}",
        "id": events[0].get("id", ids[0]),
        "events": [
            event_of(event, ids[index], events[0].get("topic"), committed_at, index, change.get("compress") is True)
            for index, event in enumerate(events)
        ],
        "source": change.get("source"),
        "region": change.get("region"),
        "committedAt": committed_at,
        **{name: change[name] for name in ITEM_ATTRIBUTES if name in change},
    }
    check(item)
    return item


def event_of(event, new_id, first_topic, committed_at, index, compress):
    """Leaves defaults out: each started KB of an item costs."""
    stored = {"id": event.get("id", new_id), "type": event.get("type")}
    if "topic" in event and (index == 0 or event["topic"] != first_topic):
        stored["topic"] = event["topic"]
    if "time" in event and event["time"] != iso_time(committed_at):
        stored["time"] = event["time"]
    if event.get("contentType", "application/json") != "application/json":
        stored["contentType"] = event["contentType"]
    if "dataSchema" in event:
        stored["dataSchema"] = event["dataSchema"]
    if "data" in event:
        data = event["data"]
        stored["data"] = base64.b64decode(data["base64"]) if isinstance(data, dict) else data
        value = stored["data"]
        if compress and isinstance(value, (str, bytes)):
            # Without `mtime=0` a repeated request would have other bytes, and DynamoDB would refuse it.
            stored["data"] = {"gzip": gzip.compress(value.encode() if isinstance(value, str) else value, mtime=0)}
    if event.get("headers", {}) != {}:
        stored["headers"] = event["headers"]
    return stored


def check(item):
    """The schema, and the rules that it cannot state."""
    # For JSON Schema, binary data is an object without properties.
    readable = {**item, "events": [hide_binary(event) for event in item["events"]]}
    error = next(SCHEMA.iter_errors(readable), None)
    require(error is None, error and f"{error.json_path}: {error.message[:200]}")
    require(len(item["pk"].encode()) <= MAX_KEY_BYTES, f"pk: at most {MAX_KEY_BYTES} bytes")
    ids = [event["id"] for event in item["events"]]
    require(len(set(ids)) == len(ids), "events: each with an id of its own")
    gzipped = [event["data"]["gzip"] for event in item["events"] if isinstance(event.get("data"), dict)]
    decompressed = sum(len(gzip.decompress(each)) for each in gzipped)
    require(decompressed <= MAX_DECOMPRESSED_BYTES, f"data: at most {MAX_DECOMPRESSED_BYTES} decompressed bytes")
    topics = [event.get("topic", item["events"][0]["topic"]) for event in item["events"]]
    room = MARK_BYTES + sum(len(topic) + RECEIPT_BYTES for topic in topics)
    size = sum(len(name.encode()) + bytes_of(value) for name, value in item.items())
    require(size + room <= MAX_ITEM_BYTES, f"item: {size} bytes, and {room} for the relay; at most {MAX_ITEM_BYTES}")


def hide_binary(event):
    binary = isinstance(event.get("data"), (bytes, dict))
    return {**event, "data": {}} if binary else event


def bytes_of(value):
    """The bytes that DynamoDB counts."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, list):
        return 3 + sum(1 + bytes_of(each) for each in value)
    if isinstance(value, dict):
        return 3 + sum(1 + len(name.encode()) + bytes_of(each) for name, each in value.items())
    return len(str(value)) // 2 + 2


def is_integer(value, maximum):
    return type(value) is int and 0 <= value <= maximum


def iso_time(epoch_ms):
    time_of = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=epoch_ms)
    return time_of.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uuid_v7(epoch_ms, request_id, pk, index):
    """A UUIDv7 of the commit. With a request id it is derived, so that a repetition has the same ids."""
    seed = json.dumps([request_id, pk, index], ensure_ascii=False, separators=(",", ":"))
    # Half of a surrogate pair has no UTF-8; the schema refuses it later.
    tail = os.urandom(10) if request_id is None else hashlib.sha256(seed.encode(errors="replace")).digest()[:10]
    number = int.from_bytes(epoch_ms.to_bytes(6, "big") + tail, "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return re.sub("(.{8})(.{4})(.{4})(.{4})(.{12})", r"\1-\2-\3-\4-\5", f"{number:032x}")


def dynamodb_item(item):
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


def commit(client, change, outbox_table, orders_table):
    """Commits the order and its events in one transaction. With a requestId it may be repeated."""
    item = dynamodb_item(item_of(change))
    order = {"id": {"S": change["key"]}, "version": {"N": str(change.get("version", 0))}}
    token = {} if "requestId" not in change else {"ClientRequestToken": request_token(change["requestId"])}
    business_put = {
        "TableName": orders_table,
        "Item": order,
        "ConditionExpression": "attribute_not_exists(id) OR version < :version",
        "ExpressionAttributeValues": {":version": order["version"]},
    }
    outbox_put = {
        "TableName": outbox_table,
        "Item": item,
        # Neither a second writer nor a late repetition may replace an item that the relay may have published.
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    try:
        client.transact_write_items(TransactItems=[{"Put": business_put}, {"Put": outbox_put}], **token)
    except client.exceptions.TransactionCanceledException as error:
        # With a request id, the same id means that an earlier attempt has committed.
        stored = error.response["CancellationReasons"][1].get("Item", {})
        if token == {} or stored.get("id") != item["id"]:
            raise
    return item["id"]["S"]


def request_token(request_id):
    if len(request_id) <= 36:
        return request_id
    return base64.urlsafe_b64encode(hashlib.sha256(request_id.encode()).digest()).decode()[:36]


def answers(make_answer):
    """One line of JSON for each line of the input."""
    for line in sys.stdin.buffer:
        try:
            answer = make_answer(json.loads(line))
        except Refused as error:
            answer = {"refused": str(error)}
        except BotoCoreError as error:
            # Such as a timeout: it may be written. Repeat it with the same requestId.
            answer = {"unknown": str(error)}
        except ClientError as error:
            answer = {"failed": str(error)}
        sys.stdout.buffer.write(json.dumps(answer, default=lambda each: base64.b64encode(each).decode()).encode() + b"\n")
        sys.stdout.buffer.flush()


def main(mode, *tables):
    if mode == "conformance":
        answers(lambda change: dynamodb_item(item_of(change)))
    else:
        client = boto3.client("dynamodb", config=Config(connect_timeout=5, read_timeout=10))
        answers(lambda change: {"committed": commit(client, change, *tables)})


if __name__ == "__main__":
    main(*sys.argv[1:])
