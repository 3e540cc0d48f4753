//! Envelopes with the commands of all domains, and outcomes, the remembered ones too.

use registry::{Command, Done, Envelope, Outcome, Refusal, RequestRow, level};

use super::access::{AccessCommandV1, AccessDoneV1, AccessRefusalV1};
use super::associations::{AssociationsCommandV1, AssociationsDoneV1, AssociationsRefusalV1};
use super::catalog::{CatalogCommandV1, CatalogDoneV1, CatalogRefusalV1};
use super::cluster::{ClusterCommandV1, ClusterDoneV1, ClusterRefusalV1};
use super::common::{ActorV1, BasisKeyV1, BasisV1, RequestSourceV1, TraceContextV1};
use super::feeds::{FeedsCommandV1, FeedsDoneV1, FeedsRefusalV1};
use super::life::{LifeCommandV1, LifeDoneV1, LifeRefusalV1};
use super::settings::{SettingsCommandV1, SettingsDoneV1, SettingsRefusalV1};
use crate::codec::layout::{frozen_enum, frozen_struct};

frozen_enum! {
    CommandV1 for Command {
        Catalog { 0 command: CatalogCommandV1 },
        Life { 0 command: LifeCommandV1 },
        Settings { 0 command: SettingsCommandV1 },
        Associations { 0 command: AssociationsCommandV1 },
        Feeds { 0 command: FeedsCommandV1 },
        Cluster { 0 command: ClusterCommandV1 },
        Access { 0 command: AccessCommandV1 },
    }
    DoneV1 for Done {
        Catalog { 0 done: CatalogDoneV1 },
        Life { 0 done: LifeDoneV1 },
        Settings { 0 done: SettingsDoneV1 },
        Associations { 0 done: AssociationsDoneV1 },
        Feeds { 0 done: FeedsDoneV1 },
        Cluster { 0 done: ClusterDoneV1 },
        Access { 0 done: AccessDoneV1 },
    }
    RefusalV1 for Refusal {
        Catalog { 0 refusal: CatalogRefusalV1 },
        Life { 0 refusal: LifeRefusalV1 },
        Settings { 0 refusal: SettingsRefusalV1 },
        Associations { 0 refusal: AssociationsRefusalV1 },
        Feeds { 0 refusal: FeedsRefusalV1 },
        Cluster { 0 refusal: ClusterRefusalV1 },
        RevisionDiffers { asked asked: u64, found found: u64 },
        Invalid { what what: String },
        Access { 0 refusal: AccessRefusalV1 },
    }
    OutcomeV1 for Outcome {
        Done { 0 done: DoneV1 },
        Refused { 0 refusal: RefusalV1 },
        Stale { key key: BasisKeyV1, index index: u64 },
    }
}

frozen_struct! {
    EnvelopeV1 for Envelope {
        request_id: String,
        time_ms: u64,
        actor: ActorV1,
        level: u8,
        if_revision: Option<u64>,
        basis: BasisV1,
        command: CommandV1,
    } + {
        1 => trace: Option<TraceContextV1>, since level::BASE;
        2 => source: Option<RequestSourceV1>, since level::REQUEST_SOURCE;
    }
    RequestRowV1 for RequestRow {
        answer: Result<DoneV1, RefusalV1>,
        index: u64,
        time_ms: u64,
    }
}
