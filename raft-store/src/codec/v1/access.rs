//! Access: accounts, keys, roles, bindings, policies.

use registry::{
    AccessCommand, AccessDone, AccessPolicyRow, AccessRefusal, AccessRow, AccountRow, ApiKey, BindingRow, Grantee,
    Reach, RoleRow,
};

use super::common::SubjectV1;
use crate::codec::layout::{frozen_enum, frozen_struct};

frozen_enum! {
    GranteeV1 for Grantee {
        User { name name: String },
        Group { name name: String },
        Account { name name: String },
        Anyone {},
        Authenticated {},
    }
    ReachV1 for Reach {
        Cluster {},
        Context { context context: String },
        Subject { subject subject: SubjectV1 },
        Prefix { context context: String, prefix prefix: String },
        Glob { context context: String, pattern pattern: String },
    }
    AccessCommandV1 for AccessCommand {
        PutAccount { name name: String, description description: String, owner owner: String, disabled disabled: bool },
        DeleteAccount { name name: String },
        AddKey { account account: String, key key: ApiKeyV1 },
        RevokeKey { account account: String, id id: String },
        RecordUse { keys keys: Vec<(String, String)>, day_ms day_ms: u64 },
        PutRole { name name: String, description description: String, permissions permissions: Vec<String> },
        DeleteRole { name name: String },
        PutBinding { name name: String, role role: String, grantee grantee: GranteeV1, reach reach: ReachV1 },
        DeleteBinding { name name: String },
        PutPolicy { name name: String, description description: String, text text: String },
        DeletePolicy { name name: String },
    }
    AccessDoneV1 for AccessDone {
        Changed {},
        KeyAdded { id id: String },
        UseRecorded { keys keys: u32 },
    }
    AccessRefusalV1 for AccessRefusal {
        NotFound { what what: String, name name: String },
        KeyExists { id id: String },
        Full { what what: String, limit limit: u32 },
        BuiltIn { role role: String },
        RoleInUse { role role: String, binding binding: String },
    }
}

frozen_struct! {
    AccessRowV1 for AccessRow {
        changed_at: u64,
    }
    AccountRowV1 for AccountRow {
        description: String,
        owner: String,
        disabled: bool,
        keys: Vec<ApiKeyV1>,
        created_ms: u64,
        modified_at: u64,
    }
    ApiKeyV1 for ApiKey {
        id: String,
        name: String,
        salt: [u8; 16],
        hash: [u8; 32],
        created_ms: u64,
        expires_ms: Option<u64>,
        used_ms: Option<u64>,
    }
    RoleRowV1 for RoleRow {
        description: String,
        permissions: Vec<String>,
        modified_at: u64,
    }
    BindingRowV1 for BindingRow {
        role: String,
        grantee: GranteeV1,
        reach: ReachV1,
        modified_at: u64,
    }
    AccessPolicyRowV1 for AccessPolicyRow {
        description: String,
        text: String,
        modified_at: u64,
    }
}
