//! The roles that every cluster has.

use proto::operations::Permission as P;

/// Reads of what is registered, which every role but the auditor's has.
const CONSUMER: &[P] = &[
    P::SubjectRead,
    P::SubjectCheck,
    P::ConfigRead,
    P::ModeRead,
    P::AssociationRead,
    P::DraftRead,
    P::ConsumerRead,
    P::ConsumerWrite,
    P::PolicyRead,
    P::DataValidate,
    P::EventRead,
    P::CursorRead,
    P::CursorWrite,
    P::ServerRead,
];

const PUBLISHER: &[P] = &[P::SubjectRegister, P::AssociationWrite, P::DraftWrite, P::DraftPublish, P::VersionLifecycle];

const REVIEWER: &[P] = &[P::DraftReview, P::DraftPublish];

const AUDITOR: &[P] = &[
    P::AuditRead,
    P::AccessRead,
    P::ClusterRead,
    P::MetricsRead,
    P::ServerRead,
    P::ConfigRead,
    P::ModeRead,
    P::PolicyRead,
    P::SubjectRead,
    P::EventRead,
];

/// What a role allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What it allows; none means everything, also what comes later.
    pub permissions: Option<Vec<P>>,
    /// What it allows for subjects whose metadata says that they belong to the principal, or to a group of it.
    pub on_own: &'static [P],
}

/// The role of this name, if every cluster has it.
pub fn built_in(name: &str) -> Option<BuiltIn> {
    let of = |name, description, parts: &[&[P]], on_own| {
        Some(BuiltIn { name, description, permissions: Some(parts.concat()), on_own })
    };
    match name {
        "admin" => Some(BuiltIn { name: "admin", description: "Everything", permissions: None, on_own: &[] }),
        "publisher" => of(
            "publisher",
            "Registers, and deletes what is its own (metadata property `owner`)",
            &[CONSUMER, PUBLISHER],
            &[P::SubjectDelete],
        ),
        "reviewer" => of("reviewer", "Reviews drafts and publishes them", &[CONSUMER, REVIEWER], &[]),
        "consumer" => of("consumer", "Reads, checks and validates", &[CONSUMER], &[]),
        "auditor" => of("auditor", "Reads records, settings and schemas", &[AUDITOR], &[]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_the_node_know_the_same_roles() {
        for name in registry::BUILT_IN_ROLES {
            assert_eq!(built_in(name).map(|role| role.name), Some(name));
        }
        assert_eq!(built_in("owner"), None);
    }

    #[test]
    fn only_the_admin_changes_access_members_and_deletes_for_good() {
        let dangerous =
            [P::AccessWrite, P::ClusterChange, P::SubjectPurge, P::SubjectForce, P::ModeWrite, P::AuditArchive];
        for name in registry::BUILT_IN_ROLES {
            let role = built_in(name).unwrap();
            if let Some(permissions) = role.permissions {
                let found = dangerous.iter().find(|permission| permissions.contains(permission));
                assert_eq!(found, None, "{name}");
                assert!(!permissions.contains(&P::SubjectDelete), "{name} deletes what is not its own");
            }
        }
    }
}
