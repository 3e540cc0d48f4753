//! Associations.

use registry::{
    AssociationChange, AssociationRow, AssociationWish, AssociationsCommand, AssociationsDone, AssociationsRefusal,
    Lifecycle, Resource,
};

use super::common::SubjectV1;
use crate::codec::layout::{frozen_enum, frozen_struct};

frozen_enum! {
    LifecycleV1 for Lifecycle {
        Strong {},
        Weak {},
    }
    AssociationChangeV1 for AssociationChange {
        Create { 0 wish: AssociationWishV1 },
        Upsert { 0 wish: AssociationWishV1 },
        Delete { role role: String, cascade cascade: bool },
    }
    AssociationsCommandV1 for AssociationsCommand {
        Change { resource resource: ResourceV1, changes changes: Vec<AssociationChangeV1> },
    }
    AssociationsDoneV1 for AssociationsDone {
        Changed { associations associations: Vec<AssociationRowV1> },
    }
    AssociationsRefusalV1 for AssociationsRefusal {
        TooManyAssociations { limit limit: u32 },
        AssociationExists { role role: String, resource resource: String },
        SubjectAssociated { subject subject: SubjectV1 },
        StrongAssociationExists { subject subject: SubjectV1 },
        NoActiveVersion { subject subject: SubjectV1 },
        AssociationFrozen { role role: String, subject subject: SubjectV1 },
        AssociationNotFound { resource resource: String },
    }
}

frozen_struct! {
    ResourceV1 for Resource {
        id: String,
        kind: String,
        name: String,
        namespace: String,
    }
    AssociationRowV1 for AssociationRow {
        guid: [u8; 16],
        subject: SubjectV1,
        resource: ResourceV1,
        role: String,
        lifecycle: LifecycleV1,
        frozen: bool,
        modified_at: u64,
    }
    AssociationWishV1 for AssociationWish {
        guid: [u8; 16],
        subject: SubjectV1,
        role: String,
        lifecycle: Option<LifecycleV1>,
        frozen: Option<bool>,
    }
}
