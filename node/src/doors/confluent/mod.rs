//! The API of Confluent's registry: from its parameters and bodies to the service and back.

mod associations;
mod convert;
mod handlers;
mod lists;
mod tags;

use proto::operations::Confluent;
use serde_json::json;

use super::http::reply::Reply;
use super::on::{Answer, On};
use crate::service::AssociationQuery;

/// Answers an operation.
pub(super) async fn answer_confluent(on: On<'_>, operation: Confluent) -> Answer {
    use Confluent as Op;
    match operation {
        Op::Root => Ok(Reply::json_body(&json!({}))),
        Op::ListSchemas => on.list_schemas().await,
        Op::ListSchemaTypes => Ok(handlers::schema_types()),
        Op::GetSchemaById => on.schema_by_id().await,
        Op::GetSchemaTextById => on.schema_text_by_id().await,
        Op::ListSubjectsOfId => on.subjects_of_id().await,
        Op::ListVersionsOfId => on.versions_of_id().await,
        Op::GetSchemaByGuid => on.schema_by_guid().await,
        Op::ListIdsOfGuid => on.ids_of_guid().await,
        Op::ListSubjectNames => on.list_subjects().await,
        Op::LookUpSchema => on.lookup_schema().await,
        Op::DeleteSubject => on.delete_subject().await,
        Op::FindByMetadata => on.subject_metadata().await,
        Op::ListVersionNumbers => on.list_versions().await,
        Op::RegisterSchema => on.register_schema().await,
        Op::GetSubjectVersion => on.show_version().await,
        Op::DeleteSubjectVersion => on.delete_version().await,
        Op::GetVersionText => on.version_text().await,
        Op::ListReferrers => on.referenced_by().await,
        Op::TagVersion => on.tag_version().await,
        Op::CheckAgainstSubject => on.check_compatibility(None).await,
        Op::CheckAgainstVersion => on.check_compatibility(Some(on.parameter("version"))).await,
        Op::GetTopConfig | Op::GetConfig => on.show_config().await,
        Op::SetTopConfig | Op::SetConfig => on.set_config().await,
        Op::DeleteTopConfig | Op::DeleteConfig => on.delete_config().await,
        Op::GetTopMode | Op::GetMode => on.show_mode().await,
        Op::SetTopMode | Op::SetMode => on.set_mode().await,
        Op::DeleteTopMode | Op::DeleteMode => on.delete_mode().await,
        Op::ListContexts => on.list_contexts().await,
        Op::DeleteContext => on.delete_context().await,
        Op::FindAssociations => on.find_associations().await,
        Op::CreateAssociations => on.create_associations().await,
        Op::ListAssociationsOfResource => {
            on.list_associations(AssociationQuery::Resource(on.parameter("resourceId").to_owned())).await
        }
        Op::PutAssociations => on.put_associations().await,
        Op::DeleteAssociations => on.delete_associations().await,
        Op::ListAssociationsByName => on.associations_by_name().await,
        Op::ListAssociationsOfSubject => on.associations_of_subject().await,
        Op::BatchGetAssociations => on.get_associations().await,
        Op::BatchMutateAssociations => on.mutate_associations().await,
        Op::GetServerId => Ok(on.metadata_id()),
        Op::GetServerVersion => Ok(handlers::metadata_version()),
        Op::GetDeployment => Ok(Reply::json_body(&json!({"attributes": []}))),
    }
}
