"""Drives a cluster with the registry clients of PyPI. `write DIR URL…` serialises a message in each format into DIR;
`read DIR URL…` reads what every client wrote there."""
import json, os, sys

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from schema_registry.client import SchemaRegistryClient as SecondClient
from schema_registry.client import schema as second_schema

import checks
from checks import check, equal

what, directory, *urls = sys.argv[1:]
sys.path.insert(0, directory)
import shapes_pb2, units_pb2  # made by protoc into DIR

CLIENT = "confluent-kafka (Python)"
SECOND = "python-schema-registry-client"
AVRO = '{"type":"record","name":"Reading","namespace":"clients","fields":[{"name":"name","type":"string"},{"name":"value","type":"long"}]}'
AVRO_NEXT = AVRO.replace('"long"}]', '"long"},{"name":"unit","type":"string","default":"B"}]')
AVRO_BAD = AVRO.replace('"long"}]', '"long"},{"name":"unit","type":"string"}]')
JSON = '{"type":"object","title":"Reading","properties":{"name":{"type":"string"},"value":{"type":"integer"}},"required":["name"]}'
READING = {"name": "disk", "value": 7}
PROTO = shapes_pb2.Reading(name="disk", amount=units_pb2.Amount(value=7, unit="B"))


def client(first=0):
    return SchemaRegistryClient({"url": ",".join(urls[first:] + urls[:first])})


def context(topic):
    return SerializationContext(topic, MessageField.VALUE)


def path(name):
    return os.path.join(directory, name)


def save(name, data):
    with open(path(name), "wb") as file:
        file.write(data)


def load(name):
    with open(path(name), "rb") as file:
        return file.read()


def refused(status, work):
    try:
        work()
    except SchemaRegistryError as error:
        equal(error.http_status_code, status)
        return error
    raise AssertionError(f"was not refused with {status}")


def avro():
    data = AvroSerializer(client(), AVRO)(READING, context("py-avro"))
    save("python.avro", data)
    equal(AvroDeserializer(client(1))(data, context("py-avro")), READING)


def json_schema():
    data = JSONSerializer(JSON, client())(READING, context("py-json"))
    save("python.json", data)
    equal(JSONDeserializer(JSON, schema_registry_client=client(2))(data, context("py-json")), READING)


def protobuf():
    data = ProtobufSerializer(shapes_pb2.Reading, client())(PROTO, context("py-protobuf"))
    save("python.protobuf", data)
    reader = ProtobufDeserializer(shapes_pb2.Reading, schema_registry_client=client(1))
    equal(reader(data, context("py-protobuf")), PROTO)


def references():
    registry = client()
    inner = '{"type":"record","name":"Inner","namespace":"clients","fields":[{"name":"x","type":"int"}]}'
    outer = '{"type":"record","name":"Outer","namespace":"clients","fields":[{"name":"inner","type":"clients.Inner"}]}'
    registry.register_schema("py-inner", Schema(inner, "AVRO"))
    reference = SchemaReference("clients.Inner", "py-inner", 1)
    schema = Schema(outer, "AVRO", [reference])
    data = AvroSerializer(registry, schema)({"inner": {"x": 3}}, context("py-outer"))
    equal(AvroDeserializer(client(1))(data, context("py-outer")), {"inner": {"x": 3}})
    save("references.bin", data)
    found = client(2).get_latest_version("py-outer-value")
    equal([(r.name, r.subject, r.version) for r in found.schema.references], [("clients.Inner", "py-inner", 1)])
    refused(422, lambda: registry.delete_version("py-inner", 1))


def register_and_look_up():
    registry = client()
    full = registry.register_schema_full_response("py-subject", Schema(AVRO, "AVRO"))
    equal(registry.register_schema("py-subject", Schema(AVRO, "AVRO")), full.schema_id)
    equal(client(1).get_schema(full.schema_id).schema_str, AVRO)
    equal(client(1).lookup_schema("py-subject", Schema(AVRO, "AVRO")).version, 1)
    equal(client(2).get_schema_by_guid(full.guid).schema_str, AVRO)
    equal(client(2).get_versions("py-subject"), [1])
    assert "py-subject" in client(1).get_subjects()
    equal(registry.get_latest_version("py-subject").schema_id, full.schema_id)
    refused(404, lambda: client(1).lookup_schema("py-nowhere", Schema(AVRO, "AVRO")))
    refused(404, lambda: client(2).get_schema(999_999))


def compatibility():
    registry = client()
    registry.register_schema("py-compat", Schema(AVRO, "AVRO"))
    equal(registry.test_compatibility("py-compat", Schema(AVRO_NEXT, "AVRO")), True)
    equal(registry.test_compatibility("py-compat", Schema(AVRO_BAD, "AVRO")), False)
    error = refused(409, lambda: client(1).register_schema("py-compat", Schema(AVRO_BAD, "AVRO")))
    assert error.error_message.startswith("Schema being registered is incompatible with an earlier schema"), error
    registry.set_compatibility("py-compat", "NONE")
    equal(client(1).get_compatibility("py-compat"), "NONE")
    registry.register_schema("py-compat", Schema(AVRO_BAD, "AVRO"))


def deletion():
    registry = client()
    registry.register_schema("py-delete", Schema(AVRO, "AVRO"))
    equal(registry.delete_subject("py-delete"), [1])
    assert "py-delete" not in client(1).get_subjects()
    assert "py-delete" in client(2).get_subjects(deleted=True)
    equal(registry.delete_subject("py-delete", permanent=True), [1])


def metadata_and_rules():
    from confluent_kafka.schema_registry import Metadata, MetadataProperties, Rule, RuleKind, RuleMode, RuleParams, RuleSet

    metadata = Metadata(tags=None, properties=MetadataProperties({"owner": "team"}), sensitive=None)
    rule = Rule("check", None, RuleKind.CONDITION, RuleMode.WRITE, "CEL", None, RuleParams({}), "message.value > 0", None, None, False)
    schema = Schema(AVRO, "AVRO", [], metadata, RuleSet([], [rule]))
    registry = client()
    registry.register_schema("py-contract", schema)
    found = client(1).get_latest_version("py-contract").schema
    equal(found.metadata.properties.properties, {"owner": "team"})
    equal([rule.name for rule in found.rule_set.domain_rules], ["check"])
    equal(client(2).lookup_schema("py-contract", found).version, 1)
    equal(client(1).get_latest_with_metadata("py-contract", {"owner": "team"}).version, 1)


def associations():
    from confluent_kafka.schema_registry.common.schema_registry_client import (
        AssociationCreateOrUpdateInfo as Info, AssociationCreateOrUpdateRequest as Request)

    registry = client()
    registry.register_schema("py-tied", Schema(AVRO, "AVRO"))
    request = Request("py-topic", "cluster", "py-id", "topic", [Info("py-tied", "value", "STRONG")])
    equal(registry.create_association(request).associations[0].subject, "py-tied")
    found = client(1).get_associations_by_resource_name("py-topic", "-", "topic", ["value"])
    equal([a.subject for a in found], ["py-tied"])
    data = AvroSerializer(client(2), AVRO)(READING, context("py-topic"))
    equal(client(1).get_versions("py-tied"), [1])
    equal(AvroDeserializer(client(1))(data, context("py-topic")), READING)
    registry.delete_associations("py-id", "topic", ["value"])
    equal(client(2).get_associations_by_resource_name("py-topic", "-", "topic", ["value"]), [])


def second():
    registry = SecondClient(url=urls[1])
    schema = second_schema.AvroSchema(AVRO)
    found = registry.register("second-avro", schema)
    equal(registry.check_version("second-avro", schema).schema_id, found)
    equal(registry.get_by_id(found).raw_schema["name"], "Reading")
    equal(registry.test_compatibility("second-avro", second_schema.AvroSchema(AVRO_BAD)), False)
    registry.update_compatibility("FULL", "second-avro")
    equal(registry.get_compatibility("second-avro"), "FULL")
    registry.update_compatibility("BACKWARD")
    equal(registry.get_compatibility(), "BACKWARD")
    equal(registry.get_subjects().count("second-avro"), 1)
    assert registry.get_schema("second-nowhere") is None
    equal(registry.register("second-json", second_schema.JsonSchema(JSON)) > 0, True)
    equal(registry.delete_subject("second-avro"), [1])


def read(name):
    reader = {
        "avro": AvroDeserializer(client(1)),
        "json": JSONDeserializer(JSON, schema_registry_client=client(1)),
        "protobuf": ProtobufDeserializer(shapes_pb2.Reading, schema_registry_client=client(1)),
    }[name.rsplit(".", 1)[1]]
    equal(reader(load(name), context("any")), PROTO if name.endswith("protobuf") else READING)


if what == "write":
    works = [avro, json_schema, protobuf, references, register_and_look_up, compatibility, deletion, metadata_and_rules, associations]
    for work in works:
        check(CLIENT, work.__name__.replace("_", " "), work)
    check(SECOND, "register, look up, compatibility, configuration, delete", second)
else:
    for name in sorted(name for name in os.listdir(directory) if name.rsplit(".", 1)[-1] in ("avro", "json", "protobuf")):
        check(CLIENT, f"reads {name}", lambda: read(name))
print(f"{checks.passed} passed, {checks.failed} failed")
sys.exit(1 if checks.failed else 0)
