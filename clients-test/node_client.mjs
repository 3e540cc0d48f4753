// Drives a cluster with the registry clients of npm. Arguments: DIR URL…; reads what the Python clients wrote into DIR, and
// writes messages of its own there.
import { readFileSync, writeFileSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import assert from "node:assert/strict";

const require = createRequire(join(process.env.NODE_MODULES_DIR ?? process.cwd(), "package.json"));
const { SchemaRegistryClient, AvroSerializer, AvroDeserializer, JsonSerializer, JsonDeserializer, ProtobufSerializer,
  ProtobufDeserializer, SerdeType } = require("@confluentinc/schemaregistry");
const { create, createFileRegistry, createMutableRegistry, fromBinary, toJson } = require("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = require("@bufbuild/protobuf/wkt");
const { SchemaRegistry, SchemaType } = require("@kafkajs/confluent-schema-registry");
const avroRegistry = require("avro-schema-registry");

const [directory, ...urls] = process.argv.slice(2);
const reading = { name: "disk", value: 7 };
const avro = '{"type":"record","name":"Reading","namespace":"clients","fields":[{"name":"name","type":"string"},{"name":"value","type":"long"}]}';
const json = '{"type":"object","title":"Reading","properties":{"name":{"type":"string"},"value":{"type":"integer"}},"required":["name"]}';
const flat = 'syntax = "proto3";\npackage flat;\nmessage Reading {\n  string name = 1;\n  int64 value = 2;\n}\n';
const CONFLUENT = "@confluentinc/schemaregistry", KAFKAJS = "@kafkajs/confluent-schema-registry", AVRO = "avro-schema-registry";
const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === "bigint" ? Number(v) : v)));
const load = (name) => readFileSync(join(directory, name));
const save = (name, data) => writeFileSync(join(directory, name), data);
const client = (first = 0) => new SchemaRegistryClient({ baseURLs: [...urls.slice(first), ...urls.slice(0, first)] });
const kafkajs = (node = 0) => new SchemaRegistry({ host: urls[node] });
let passed = 0, failed = 0;

async function check(name, what, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok    ${name.padEnd(32)} ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name.padEnd(32)} ${what}: ${String(error?.stack ?? error).slice(0, 600)}`);
  }
}

const files = createFileRegistry(fromBinary(FileDescriptorSetSchema, load("shapes.pb")));
const Reading = files.getMessage("clients.Reading");
const protoMessage = () => create(Reading, { name: "disk", amount: { value: 7n, unit: "B" } });
const protoRegistry = () => createMutableRegistry(Reading, files.getMessage("clients.Amount"));
const expectProto = (message) => assert.deepEqual(toJson(Reading, message), { name: "disk", amount: { value: "7", unit: "B" } });

await check(CONFLUENT, "Avro", async () => {
  await client().register("js-avro-value", { schemaType: "AVRO", schema: avro });
  const data = await new AvroSerializer(client(), SerdeType.VALUE, { useLatestVersion: true }).serialize("js-avro", reading);
  save("confluent-js.avro", data);
  assert.deepEqual(plain(await new AvroDeserializer(client(1), SerdeType.VALUE, {}).deserialize("js-avro", data)), reading);
});
await check(CONFLUENT, "JSON Schema", async () => {
  await client().register("js-json-value", { schemaType: "JSON", schema: json });
  const data = await new JsonSerializer(client(), SerdeType.VALUE, { useLatestVersion: true }).serialize("js-json", reading);
  save("confluent-js.json", data);
  assert.deepEqual(await new JsonDeserializer(client(2), SerdeType.VALUE, {}).deserialize("js-json", data), reading);
});
await check(CONFLUENT, "Protobuf with an import", async () => {
  const conf = { autoRegisterSchemas: true, registry: protoRegistry() };
  const data = await new ProtobufSerializer(client(), SerdeType.VALUE, conf).serialize("js-protobuf", protoMessage());
  save("confluent-js.protobuf", data);
  expectProto(await new ProtobufDeserializer(client(1), SerdeType.VALUE, {}).deserialize("js-protobuf", data));
});
await check(CONFLUENT, "look up, versions, compatibility, delete", async () => {
  const registry = client();
  const info = { schemaType: "AVRO", schema: avro };
  const id = await registry.register("js-subject", info);
  assert.equal(await client(1).getId("js-subject", info), id);
  assert.equal(await client(1).getVersion("js-subject", info), 1);
  assert.deepEqual(await client(2).getAllVersions("js-subject"), [1]);
  assert.equal((await client(2).getLatestSchemaMetadata("js-subject")).id, id);
  const bad = { ...info, schema: avro.replace('"long"}]', '"long"},{"name":"unit","type":"string"}]') };
  assert.equal(await registry.testCompatibility("js-subject", 1, bad), false);
  assert.equal(await registry.testSubjectCompatibility("js-subject", bad), false);
  await assert.rejects(client(1).register("js-subject", bad));
  assert.deepEqual(await registry.deleteSubject("js-subject"), [1]);
});
await check(KAFKAJS, "Avro", async () => {
  const { id } = await kafkajs().register({ type: SchemaType.AVRO, schema: avro }, { subject: "kjs-avro" });
  const data = await kafkajs(1).encode(id, reading);
  save("kafkajs.avro", data);
  assert.deepEqual(plain(await kafkajs(2).decode(data)), reading);
  assert.equal(await kafkajs(1).getLatestSchemaId("kjs-avro"), id);
});
await check(KAFKAJS, "JSON Schema", async () => {
  const { id } = await kafkajs(1).register({ type: SchemaType.JSON, schema: json }, { subject: "kjs-json" });
  const data = await kafkajs(2).encode(id, reading);
  save("kafkajs.json", data);
  assert.deepEqual(await kafkajs().decode(data), reading);
});
await check(KAFKAJS, "Protobuf text", async () => {
  const { id } = await kafkajs(2).register({ type: SchemaType.PROTOBUF, schema: flat }, { subject: "kjs-protobuf" });
  const data = await kafkajs().encode(id, reading);
  assert.deepEqual(plain(await kafkajs(1).decode(data)).name, "disk");
});
await check(AVRO, "encode and decode", async () => {
  const data = await avroRegistry(urls[1]).encodeMessage("asr-topic", JSON.parse(avro), reading);
  save("avro-schema-registry.avro", data);
  assert.deepEqual(plain(await avroRegistry(urls[2]).decode(data)), reading);
});
for (const [name, read] of [
  ["python.avro", async (data) => assert.deepEqual(plain(await new AvroDeserializer(client(1), SerdeType.VALUE, {}).deserialize("any", data)), reading)],
  ["python.json", async (data) => assert.deepEqual(await new JsonDeserializer(client(1), SerdeType.VALUE, {}).deserialize("any", data), reading)],
  ["python.protobuf", async (data) => expectProto(await new ProtobufDeserializer(client(1), SerdeType.VALUE, {}).deserialize("any", data))],
]) {
  await check(CONFLUENT, `reads ${name}`, () => read(load(name)));
}
await check(CONFLUENT, "reads Avro with a reference from Python", async () => {
  const found = await new AvroDeserializer(client(2), SerdeType.VALUE, {}).deserialize("any", load("references.bin"));
  assert.deepEqual(plain(found), { inner: { x: 3 } });
});
await check(KAFKAJS, "reads python.avro", async () => assert.deepEqual(plain(await kafkajs(1).decode(load("python.avro"))), reading));
await check(KAFKAJS, "reads python.json", async () => assert.deepEqual(await kafkajs(1).decode(load("python.json")), reading));
await check(AVRO, "reads python.avro", async () => assert.deepEqual(plain(await avroRegistry(urls[0]).decode(load("python.avro"))), reading));
if (existsSync(join(directory, "kafkajs.avro"))) {
  await check(AVRO, "reads kafkajs.avro", async () => assert.deepEqual(plain(await avroRegistry(urls[0]).decode(load("kafkajs.avro"))), reading));
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
