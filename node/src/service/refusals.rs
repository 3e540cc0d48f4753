//! Why a rule of the life of schemas refused: the code, and the sentence for the client.

use proto::error_code as code;
use registry::LifecycleRejection;

use super::ServiceError;

pub(super) fn of(rejection: &LifecycleRejection) -> ServiceError {
    use LifecycleRejection as R;
    let (code, message) = match rejection {
        R::WrongState { transition, state } => (
            code::WRONG_STATE,
            format!("{} begins in {}, not in {}", transition.name(), transition.ends().0.name(), state.name()),
        ),
        R::DraftNotFound { id } => (code::DRAFT_NOT_FOUND, format!("Draft {id} not found.")),
        R::ConsumerNotFound { id } => (code::CONSUMER_NOT_FOUND, format!("Consumer '{id}' not found.")),
        R::PolicyNotFound => (code::POLICY_NOT_FOUND, "The scope has no policy of its own".to_owned()),
        R::RevisionDiffers { asked, found } => {
            (code::REVISION_DIFFERS, format!("It is at revision {found}, not {asked}"))
        }
        R::ReviewRequired => (
            code::REVIEW_REQUIRED,
            "The policy of this subject asks for a review: create a draft with the native API and submit it".to_owned(),
        ),
        R::ReviewerIsAuthor => (code::SELF_REVIEW, "The author of a draft cannot review it".to_owned()),
        R::AlreadyApproved => (code::WRONG_STATE, "You have approved this draft already".to_owned()),
        R::ApprovalsMissing { have, needed } => {
            (code::APPROVALS_MISSING, format!("{have} approvals are there, {needed} are needed"))
        }
        R::ReasonRequired => (code::REASON_REQUIRED, "This step needs a reason".to_owned()),
        R::PropertyMissing { name } => {
            (code::METADATA_REQUIRED, format!("The policy asks for the metadata property '{name}'"))
        }
        R::VersionsMax { limit } => (code::LIMIT_REACHED, format!("The policy allows {limit} versions of a subject")),
        R::DraftsFull { limit } => (code::LIMIT_REACHED, format!("The subject has {limit} open drafts already")),
        R::Incompatible => {
            (code::INCOMPATIBLE, "The draft is incompatible with what is in use; its report has the details".to_owned())
        }
        R::SunsetTooSoon { earliest_ms } => {
            (code::SUNSET, format!("The policy's notice allows a sunset from {earliest_ms} on"))
        }
        R::SunsetNotReached { sunset_ms } => (code::SUNSET, format!("The sunset is at {sunset_ms}")),
        R::SuccessorNotActive { version } => {
            (code::WRONG_STATE, format!("Version {version} cannot be the successor: it is no other active version"))
        }
        R::ConsumersRemain { consumers } => {
            (code::BLOCKED, format!("Consumers are registered for it: {}", consumers.join(", ")))
        }
        R::DependentsRemain { version } => (code::BLOCKED, format!("Live schemas refer to version {version}")),
        R::NothingToRollBack => (code::WRONG_STATE, "No active version is above the target".to_owned()),
        R::Quarantined { version } => (code::QUARANTINED, format!("Version {version} is quarantined")),
        R::GlobalOnly => {
            (code::UNPROCESSABLE, "Retention can be set in the global scope only (:.__GLOBAL:)".to_owned())
        }
        R::AuditTooYoung { position } => {
            (code::UNPROCESSABLE, format!("Record {position} is younger than the policy's retention, or not there"))
        }
        R::Invalid { what } => (code::UNPROCESSABLE, what.clone()),
    };
    ServiceError::new(code, message)
}
