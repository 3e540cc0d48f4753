//! Values through the wire format and back, with schemas that a real registry keeps.

use apache_avro::types::Value;
use client::serdes::avro::{AvroDeserializer, AvroSerializer, value_of_json};
use client::serdes::json::{JsonDeserializer, JsonSerializer};
use client::serdes::protobuf::{ProtobufDeserializer, ProtobufSerializer};
use client::serdes::{Framing, Part, SerializerConfig, SubjectNames};
use client::{ClientError, NewSchema};
use prost_reflect::{DynamicMessage, ReflectMessage};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::support::Cluster;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reading {
    name: String,
    value: i64,
}

const AVRO: &str = r#"{"type":"record","name":"Reading","namespace":"lab","fields":[{"name":"name","type":"string"},{"name":"value","type":"long"}]}"#;
const AVRO_UNIT: &str = r#"{"type":"record","name":"Reading","namespace":"lab","fields":[{"name":"name","type":"string"},{"name":"value","type":"long"},{"name":"unit","type":"string","default":"B"}]}"#;
const JSON: &str = r#"{"type":"object","title":"Reading","properties":{"name":{"type":"string"},"value":{"type":"integer"}},"required":["name"]}"#;
const UNITS: &str =
    "syntax = \"proto3\";\npackage lab;\n\nmessage Amount {\n  int64 value = 1;\n  string unit = 2;\n}\n";
const SHAPES: &str = "syntax = \"proto3\";\npackage lab;\n\nimport \"units.proto\";\n\nmessage Other {\n  string x = 1;\n}\nmessage Reading {\n  string name = 1;\n  Amount amount = 2;\n  message Inner {\n    int32 y = 1;\n  }\n}\n";

fn disk() -> Reading {
    Reading { name: "disk".to_owned(), value: 7 }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_formats_go_through_the_registry() {
    let cluster = Cluster::start(1).await;
    Box::pin(avro(&cluster)).await;
    json_schema(&cluster).await;
    protobuf(&cluster).await;
}

async fn avro(cluster: &Cluster) {
    let schema = NewSchema::avro(AVRO);
    let serializer = AvroSerializer::new(cluster.client(), SerializerConfig::default());
    let written = serializer.serialize("avro", Part::Value, &schema, &disk()).await.unwrap();
    let id = cluster.client().latest("avro-value").await.unwrap().id;
    let mut expected = vec![0];
    expected.extend(id.to_be_bytes());
    expected.extend(b"\x08disk\x0e");
    assert_eq!(written.data, expected);
    // Another process reads it, with its own schema: what the writer lacked has its default.
    let reader = AvroDeserializer::new(cluster.client());
    assert_eq!(reader.deserialize::<Reading>(&written.data, None).await.unwrap(), disk());
    let reader = AvroDeserializer::new(cluster.client()).reading_as(NewSchema::avro(AVRO_UNIT));
    let Value::Record(fields) = reader.deserialize_value(&written.data, None).await.unwrap() else {
        panic!("a record")
    };
    assert_eq!(fields[2], ("unit".to_owned(), Value::String("B".to_owned())));

    // The latest version is written under, whatever the caller has.
    cluster.client().register("avro-value", &NewSchema::avro(AVRO_UNIT)).await.unwrap();
    let latest =
        AvroSerializer::new(cluster.client(), SerializerConfig { use_latest: true, ..SerializerConfig::default() });
    let value = value_of_json(&json!({"name": "disk", "value": 7, "unit": "kB"}));
    let written = latest.serialize_value("avro", Part::Value, &schema, value).await.unwrap();
    assert!(written.data.ends_with(b"\x0e\x04kB"));

    // Without auto-registration a schema must be there already.
    let strict = SerializerConfig { auto_register: false, ..SerializerConfig::default() };
    let strict = AvroSerializer::new(cluster.client(), strict);
    let refused = strict.serialize("elsewhere", Part::Value, &schema, &disk()).await.unwrap_err();
    assert!(refused.is_not_found(), "{refused:?}");
    strict.serialize("avro", Part::Value, &schema, &disk()).await.unwrap();

    // By the record's name, with the guid in a header.
    let config =
        SerializerConfig { names: SubjectNames::Record, framing: Framing::Header, ..SerializerConfig::default() };
    let by_name = AvroSerializer::new(cluster.client(), config);
    let written = by_name.serialize("any", Part::Key, &schema, &disk()).await.unwrap();
    assert_eq!(written.data, b"\x08disk\x0e");
    let (name, header) = written.header.unwrap();
    assert_eq!((name, header.len(), header[0]), ("__key_schema_id", 17, 1));
    let reader = AvroDeserializer::new(cluster.client());
    assert_eq!(reader.deserialize::<Reading>(&written.data, Some(&header)).await.unwrap(), disk());
    assert_eq!(cluster.client().versions("lab.Reading", false).await.unwrap(), [1]);

    // References.
    let inner = NewSchema::avro(AVRO);
    let pair = r#"{"type":"record","name":"Pair","namespace":"lab","fields":[{"name":"a","type":"lab.Reading"},{"name":"b","type":"lab.Reading"}]}"#;
    cluster.client().register("inner", &inner).await.unwrap();
    let pair = NewSchema::avro(pair).refers("lab.Reading", "inner", 1);
    let value = value_of_json(&json!({"a": {"name": "x", "value": 1}, "b": {"name": "y", "value": 2}}));
    let written = serializer.serialize_value("pairs", Part::Value, &pair, value).await.unwrap();
    let read = AvroDeserializer::new(cluster.client()).deserialize_value(&written.data, None).await.unwrap();
    let Value::Record(fields) = read else { panic!("a record") };
    assert_eq!(fields.len(), 2);

    // What does not fit is refused before it is sent.
    let wrong = serializer.serialize_value("avro", Part::Value, &schema, value_of_json(&json!({"name": 1}))).await;
    assert!(matches!(wrong, Err(ClientError::Data(_))), "{wrong:?}");
    for bad in [&b""[..], b"\x05abc", b"\x00\x00"] {
        let error = AvroDeserializer::new(cluster.client()).deserialize_value(bad, None).await.unwrap_err();
        assert!(error.to_string().starts_with("the data is not framed"), "{error}");
    }
}

async fn json_schema(cluster: &Cluster) {
    let schema = NewSchema::json(JSON);
    let serializer = JsonSerializer::new(cluster.client(), SerializerConfig::default());
    let written = serializer.serialize("json", Part::Value, &schema, &disk()).await.unwrap();
    assert!(written.data.ends_with(br#"{"name":"disk","value":7}"#));
    let reader = JsonDeserializer::new(cluster.client());
    assert_eq!(reader.deserialize::<Reading>(&written.data, None).await.unwrap(), disk());
    let error =
        serializer.serialize("json", Part::Value, &schema, &json!({"value": "x"})).await.unwrap_err().to_string();
    assert!(error.contains("the data does not fit the schema") && error.contains("/value"), "{error}");
    // A wrong payload in a right frame is found when it is read.
    let mut tampered = written.data[..5].to_vec();
    tampered.extend(br#"{"value":7}"#);
    assert!(reader.deserialize::<serde_json::Value>(&tampered, None).await.is_err());
    let unchecked = JsonDeserializer::new(cluster.client()).unchecked();
    assert_eq!(unchecked.deserialize::<serde_json::Value>(&tampered, None).await.unwrap()["value"], 7);
}

async fn protobuf(cluster: &Cluster) {
    cluster.client().register("units", &NewSchema::protobuf(UNITS)).await.unwrap();
    let schema = NewSchema::protobuf(SHAPES).refers("units.proto", "units", 1);
    let serializer = ProtobufSerializer::new(cluster.client(), SerializerConfig::default());
    let descriptor = serializer.descriptor(&schema, Some("lab.Reading")).await.unwrap();
    let mut message = DynamicMessage::new(descriptor);
    message.set_field_by_name("name", prost_reflect::Value::String("disk".to_owned()));
    let written = serializer.serialize_dynamic("protobuf", Part::Value, &schema, &message).await.unwrap();
    // Reading is the second message of the file.
    assert_eq!(written.data[5..7], [2, 2]);
    let reader = ProtobufDeserializer::new(cluster.client());
    let read = reader.deserialize_dynamic(&written.data, None).await.unwrap();
    assert_eq!(read.descriptor().full_name(), "lab.Reading");
    assert_eq!(read.get_field_by_name("name").unwrap().as_str(), Some("disk"));

    // A message inside another one, of a type that prost generated.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Inner {
        #[prost(int32, tag = "1")]
        y: i32,
    }
    let name = "lab.Reading.Inner";
    let written = serializer.serialize("protobuf", Part::Value, &schema, name, &Inner { y: 3 }).await.unwrap();
    assert_eq!(written.data[5..], [4, 2, 0, 8, 3]);
    assert_eq!(reader.deserialize::<Inner>(&written.data, None, name).await.unwrap(), Inner { y: 3 });
    let wrong = reader.deserialize::<Inner>(&written.data, None, "lab.Other").await.unwrap_err().to_string();
    assert_eq!(wrong, "the data is a lab.Reading.Inner, not a lab.Other");

    // By topic and message, with the guid and the indexes in a header.
    let config =
        SerializerConfig { names: SubjectNames::TopicRecord, framing: Framing::Header, ..SerializerConfig::default() };
    let by_name = ProtobufSerializer::new(cluster.client(), config);
    let written = by_name.serialize_dynamic("t", Part::Value, &schema, &message).await.unwrap();
    let (_, header) = written.header.unwrap();
    let read = reader.deserialize_dynamic(&written.data, Some(&header)).await.unwrap();
    assert_eq!(read, message_of(&read, &written.data));
    assert_eq!(cluster.client().versions("t-lab.Reading", false).await.unwrap(), [1]);
}

fn message_of(like: &DynamicMessage, data: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(like.descriptor(), data).unwrap()
}
