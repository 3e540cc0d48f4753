//! Calls of the native API as HTTP/JSON: from a message to a path, a query or a body, and from an answer to a message.
//!
//! The descriptors that the messages were generated from also map them to JSON, so a field has one name in one place.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, SerializeOptions};
use proto::v1;
use reqwest::Method;
use serde_json::Value;

use crate::retry::Safety;
use crate::transport::{Call, path_segment};
use crate::{Client, ClientError};

const PREFIX: &str = "/api/v1";

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).expect("the descriptors were made by this build"));

/// A message of the native API, which knows its name.
pub trait NativeMessage: prost::Message + Default {
    /// The name in `registry.proto`.
    const NAME: &'static str;
}

macro_rules! named {
    ($($name:ident)+) => { $(impl NativeMessage for v1::$name { const NAME: &'static str = stringify!($name); })+ };
}

named! {
    ListSubjectsRequest ListSubjectsResponse ListVersionsRequest ListVersionsResponse GetVersionRequest Version
    RegisterVersionRequest CreateDraftRequest ReviseDraftRequest GetDraftRequest ListDraftsRequest ListDraftsResponse
    ChangeDraftRequest ReviewDraftRequest Draft DeprecateVersionRequest ChangeVersionRequest ArchiveVersionRequest
    PlanRollbackRequest RollbackPlan RollBackRequest RollBackResponse GetHistoryRequest GetHistoryResponse VersionState
    Consumer RemoveConsumerRequest RemoveConsumerResponse ListConsumersRequest ListConsumersResponse Policy
    GetPolicyRequest SetPolicyRequest GetPolicyResponse DiffVersionsRequest DiffVersionsResponse ValidateRequest
    ValidateResponse SearchRequest SearchResponse Cursor GetCursorRequest QueryAuditRequest QueryAuditResponse
    GetCheckpointRequest Checkpoint ProveInclusionRequest ProveConsistencyRequest Proof ArchiveAuditRequest
    ArchiveAuditResponse Change
}

/// A message as the API's JSON: lowerCamelCase, numbers as numbers, nothing left out.
pub fn message_json<M: NativeMessage>(message: &M) -> Value {
    json_of(message, false)
}

fn json_of<M: NativeMessage>(message: &M, skip_defaults: bool) -> Value {
    let options = SerializeOptions::new().stringify_64_bit_integers(false).skip_default_fields(skip_defaults);
    let dynamic = POOL
        .get_message_by_name(&format!("registry.v1.{}", M::NAME))
        .and_then(|descriptor| DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok());
    // Descriptors and types come from one file, so neither step fails.
    dynamic
        .and_then(|dynamic| dynamic.serialize_with_options(serde_json::value::Serializer, &options).ok())
        .unwrap_or(Value::Null)
}

fn message_of<M: NativeMessage>(json: &Value) -> Result<M, String> {
    let name = format!("registry.v1.{}", M::NAME);
    let descriptor = POOL.get_message_by_name(&name).ok_or_else(|| format!("{name} is no message"))?;
    // A newer node may say more than this client knows.
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let dynamic =
        DynamicMessage::deserialize_with_options(descriptor, json, &options).map_err(|error| error.to_string())?;
    M::decode(prost::Message::encode_to_vec(&dynamic).as_slice()).map_err(|error| error.to_string())
}

/// The call of an operation: fields that the template names go into the path, the others into the query, or into the body
/// of what is posted or put.
fn call_of<Q: NativeMessage>(
    method: Method,
    template: &str,
    question: &Q,
    safety: Safety,
) -> Result<Call, ClientError> {
    let Value::Object(mut fields) = json_of(question, true) else {
        return Err(ClientError::Data(format!("{} cannot be printed", Q::NAME)));
    };
    let mut path = PREFIX.to_owned();
    for part in template.split('/').skip(1) {
        path.push('/');
        match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => path.push_str(&path_segment(&text_of(&fields.shift_remove(name).unwrap_or_default()))),
            None => path.push_str(part),
        }
    }
    let in_query = method == Method::GET || method == Method::DELETE;
    let call = Call::new(method, path, safety);
    if !in_query {
        return call.json(&Value::Object(fields));
    }
    Ok(fields.iter().fold(call, |call, (name, value)| call.with(name, text_of(value))))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

impl Client {
    pub(crate) async fn ask_native<Q: NativeMessage, A: NativeMessage>(
        &self,
        method: Method,
        template: &str,
        question: &Q,
        safety: Safety,
    ) -> Result<A, ClientError> {
        let answer = self.call(call_of(method, template, question, safety)?).await?;
        let json: Value = answer.json()?;
        message_of(&json).map_err(|reason| ClientError::Answer { url: answer.url, reason })
    }

    pub(crate) async fn read_native<Q: NativeMessage, A: NativeMessage>(
        &self,
        template: &str,
        question: &Q,
    ) -> Result<A, ClientError> {
        self.ask_native(Method::GET, template, question, Safety::Read).await
    }

    pub(crate) async fn change_native<Q: NativeMessage, A: NativeMessage>(
        &self,
        method: Method,
        template: &str,
        question: &Q,
    ) -> Result<A, ClientError> {
        self.ask_native(method, template, question, Safety::Keyed).await
    }

    /// Reads something of the native API as JSON, for what has no type here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call(Call::read(path)).await?.json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_where_the_template_and_the_method_put_them() {
        let question = v1::DiffVersionsRequest { subject: "a/b".to_owned(), from: 1, to: 2 };
        let call = call_of(Method::GET, "/subjects/{subject}/diff", &question, Safety::Read).unwrap();
        assert_eq!(call.path, "/api/v1/subjects/a%2Fb/diff");
        assert_eq!(call.query, [("from".to_owned(), "1".to_owned()), ("to".to_owned(), "2".to_owned())]);
        let question = v1::DeprecateVersionRequest {
            subject: "s".to_owned(),
            version: 3,
            reason: "old".to_owned(),
            sunset_ms: 1_900_000_000_000,
            successor: 0,
        };
        let template = "/subjects/{subject}/versions/{version}/deprecate";
        let call = call_of(Method::POST, template, &question, Safety::Keyed).unwrap();
        assert_eq!(call.path, "/api/v1/subjects/s/versions/3/deprecate");
        assert_eq!(call.body.unwrap(), br#"{"reason":"old","sunsetMs":1900000000000}"#);
    }

    #[test]
    fn messages_and_json_are_each_others_inverse_and_unknown_fields_pass() {
        let policy =
            v1::Policy { review: Some(true), required_properties: vec!["owner".to_owned()], ..v1::Policy::default() };
        let message = v1::GetPolicyResponse { own: None, in_force: Some(policy), revision: 1 << 52 };
        let mut json = message_json(&message);
        json["somethingNew"] = Value::from(1);
        assert_eq!(message_of::<v1::GetPolicyResponse>(&json), Ok(message));
    }
}
