//! The native API as HTTP/JSON under `/api/v1`: the same operations as over gRPC, with the JSON mapping of Protobuf.
//!
//! A request's path, query and body together make the message of the operation; its answer is the message in JSON.

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, SerializeOptions, Value as FieldValue};
use proto::error_code as code;
use proto::operations::{Answer as Answers, Body, Native as Op, Operation, Part};
use proto::v1;
use serde_json::{Map, Value};

use crate::doors::http::reply::Reply;
use crate::doors::on::{Answer, On};
use crate::edge::Admitted;
use crate::service::{Caller, Service, ServiceError};

/// The messages of the native API, with their comments.
pub(in crate::doors) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).expect("the descriptors were made by this build"));

/// Answers an operation.
pub(in crate::doors) async fn answer_native(on: On<'_>, operation: Op) -> Answer {
    let native = on.front.native.clone();
    let caller = on.caller;
    match operation {
        Op::ListSubjects => on.message_reply(native.list_subjects(caller, on.question_message()?).await),
        Op::ListVersions => on.message_reply(native.list_versions(caller, on.question_message()?).await),
        Op::GetVersion => on.message_reply(native.get_version(caller, on.question_message()?).await),
        Op::RegisterVersion => on.message_reply(native.register_version(caller, on.question_message()?).await),
        Op::DeleteVersion => on.message_reply(native.delete_version(caller, on.question_message()?).await),
        Op::CreateDraft => on.message_reply(native.create_draft(caller, on.question_message()?).await),
        Op::ReviseDraft => on.message_reply(native.revise_draft(caller, on.question_message()?).await),
        Op::GetDraft => on.message_reply(native.get_draft(caller, on.question_message()?).await),
        Op::ListDrafts => on.message_reply(native.list_drafts(caller, on.question_message()?).await),
        Op::SubmitDraft => on.message_reply(native.submit_draft(caller, on.question_message()?).await),
        Op::ReviewDraft => on.message_reply(native.review_draft(caller, on.question_message()?).await),
        Op::PublishDraft => on.message_reply(native.publish_draft(caller, on.question_message()?).await),
        Op::ActivateDraft => on.message_reply(native.activate_draft(caller, on.question_message()?).await),
        Op::DeprecateVersion => on.message_reply(native.deprecate_version(caller, on.question_message()?).await),
        Op::ReinstateVersion => on.message_reply(native.reinstate_version(caller, on.question_message()?).await),
        Op::ArchiveVersion => on.message_reply(native.archive_version(caller, on.question_message()?).await),
        Op::PlanRollback => on.message_reply(native.plan_rollback(caller, on.question_message()?).await),
        Op::RollBack => on.message_reply(native.roll_back(caller, on.question_message()?).await),
        Op::ReactivateVersion => on.message_reply(native.reactivate_version(caller, on.question_message()?).await),
        Op::QuarantineVersion => on.message_reply(native.quarantine_version(caller, on.question_message()?).await),
        Op::ReleaseVersion => on.message_reply(native.release_version(caller, on.question_message()?).await),
        Op::GetHistory => on.message_reply(native.get_history(caller, on.question_message()?).await),
        Op::PutConsumer => on.message_reply(native.put_consumer(caller, on.question_message()?).await),
        Op::RemoveConsumer => on.message_reply(native.remove_consumer(caller, on.question_message()?).await),
        Op::ListConsumers => on.message_reply(native.list_consumers(caller, on.question_message()?).await),
        Op::GetPolicy => on.message_reply(native.get_policy(caller, on.question_message()?).await),
        Op::SetPolicy => on.message_reply(native.set_policy(caller, on.question_message()?).await),
        Op::DeletePolicy => on.message_reply(native.delete_policy(caller, on.question_message()?).await),
        Op::CheckCompatibility => on.message_reply(native.check_compatibility(caller, on.question_message()?).await),
        Op::DiffVersions => on.message_reply(native.diff_versions(caller, on.question_message()?).await),
        Op::Validate => on.message_reply(native.validate(caller, on.question_message()?).await),
        Op::Search => on.message_reply(native.search(caller, on.question_message()?).await),
        Op::GetCursor => on.message_reply(native.get_cursor(caller, on.question_message()?).await),
        Op::MoveCursor => on.message_reply(native.move_cursor(caller, on.question_message()?).await),
        Op::QueryAudit => on.message_reply(native.query_audit(caller, on.question_message()?).await),
        Op::GetCheckpoint => on.message_reply(native.get_checkpoint(caller, on.question_message()?).await),
        Op::ProveInclusion => on.message_reply(native.prove_inclusion(caller, on.question_message()?).await),
        Op::ProveConsistency => on.message_reply(native.prove_consistency(caller, on.question_message()?).await),
        Op::ArchiveAudit => on.message_reply(native.archive_audit(caller, on.question_message()?).await),
        Op::GetClusterStatus => on.message_reply(native.get_cluster_status(caller, on.question_message()?).await),
    }
}

impl On<'_> {
    /// Body, query and path as the operation's message; the path wins.
    fn question_message<T: prost::Message + Default>(&self) -> Result<T, ServiceError> {
        let Body::Message(name) = self.admitted.operation.body else { return Err(no_message()) };
        let descriptor = message_named(name)?;
        let Value::Object(mut object) = self.request.any_json()? else {
            return Err(ServiceError::new(code::UNPROCESSABLE, "The request body is not a JSON object"));
        };
        let query = self.request.query_pairs().iter().filter(|(name, _)| name != "consistency");
        for (name, value) in query {
            put_field(&mut object, &descriptor, name, value.clone())?;
        }
        for (name, value) in self.admitted.place.path_parameters() {
            put_field(&mut object, &descriptor, name, value.clone())?;
        }
        let message = dynamic_of(descriptor, Value::Object(object))?;
        let Admitted { operation, place, .. } = self.admitted;
        let part = |part| text_of(&message, part);
        self.front.service.authorize_operation(self.caller, operation, place.context(), part)?;
        T::decode(message.encode_to_vec().as_slice()).map_err(|error| malformed_error(&error))
    }

    fn message_reply<T: prost::Message>(&self, answered: Result<T, ServiceError>) -> Answer {
        let Answers::Message(name) = self.admitted.operation.answer else { return Err(no_message()) };
        Ok(Reply::json_body(&json_of_message(message_named(name)?, &answered?.encode_to_vec())?))
    }
}

fn no_message() -> ServiceError {
    ServiceError::internal("answer a request", &"the operation has no message in the table")
}

fn message_named(name: &str) -> Result<MessageDescriptor, ServiceError> {
    POOL.get_message_by_name(&format!("registry.v1.{name}")).ok_or_else(no_message)
}

/// A text as the field of that name takes it.
fn put_field(
    object: &mut Map<String, Value>,
    descriptor: &MessageDescriptor,
    name: &str,
    value: String,
) -> Result<(), ServiceError> {
    let field = descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
    let field =
        field.ok_or_else(|| ServiceError::new(code::UNPROCESSABLE, format!("Unrecognized parameter: {name}")))?;
    let value = if field.is_list() {
        value.split(',').map(|item| Value::from(item.to_owned())).collect()
    } else if field.kind() == Kind::Bool {
        Value::from(value.eq_ignore_ascii_case("true"))
    } else {
        Value::from(value)
    };
    object.remove(field.name());
    object.insert(field.json_name().to_owned(), value);
    Ok(())
}

fn dynamic_of(descriptor: MessageDescriptor, json: Value) -> Result<DynamicMessage, ServiceError> {
    DynamicMessage::deserialize(descriptor, json).map_err(|error| malformed_error(&error))
}

fn malformed_error(error: &dyn std::fmt::Display) -> ServiceError {
    ServiceError::new(code::UNPROCESSABLE, format!("The request is not what this operation takes: {error}"))
}

/// What stands in a part of a message, as far as permissions look at it.
fn text_of(message: &DynamicMessage, part: Part) -> Option<String> {
    let (Part::Field(name) | Part::Path(name) | Part::Query(name) | Part::Body(name)) = part;
    match &*message.get_field_by_name(name)? {
        FieldValue::String(text) => Some(text.clone()),
        FieldValue::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// May the caller do what a message of the native API asks for, to what it names? `bytes` is the message.
///
/// # Errors
/// 40101, 40301, and those of a name that is none.
pub(in crate::doors) fn authorize_message(
    service: &Service,
    caller: &Caller,
    operation: &Operation,
    bytes: impl FnOnce() -> Vec<u8>,
) -> Result<(), ServiceError> {
    if !service.authority().is_on() {
        return Ok(());
    }
    let Body::Message(name) = operation.body else { return Err(no_message()) };
    let message =
        DynamicMessage::decode(message_named(name)?, bytes().as_slice()).map_err(|error| malformed_error(&error))?;
    service.authorize_operation(caller, operation, None, |part| text_of(&message, part))
}

fn json_of_message(descriptor: MessageDescriptor, bytes: &[u8]) -> Result<Value, ServiceError> {
    let internal = |error: &dyn std::fmt::Display| ServiceError::internal("print an answer", error);
    let dynamic = DynamicMessage::decode(descriptor, bytes).map_err(|error| internal(&error))?;
    // Numbers as numbers: none of ours comes near 2^53.
    let options = SerializeOptions::new().stringify_64_bit_integers(false).skip_default_fields(false);
    dynamic.serialize_with_options(serde_json::value::Serializer, &options).map_err(|error| internal(&error))
}
