//! The last phase of every test: all nodes have caught up, agree, and hold what was acknowledged.

use std::collections::BTreeMap;

use crate::checker::invariants::assert_valid;
use crate::cluster::Cluster;
use crate::dump::{self, Dump};
use crate::history::Registration;

/// Versions that are read back in every way there is, per node.
const SAMPLES: usize = 40;

/// Reads all running nodes when nothing moves any more, compares them, and checks the history against them.
///
/// # Panics
/// If anything is wrong.
pub async fn all_nodes(cluster: &Cluster, history: &[Registration]) -> BTreeMap<u64, Dump> {
    let nodes = cluster.apis();
    let dumps = dump::agreed(&nodes).await;
    assert_valid(history, &dumps);
    for api in &nodes {
        let held = &dumps[&api.node_id];
        for ((subject, version), expected) in held.iter().step_by((held.len() / SAMPLES).max(1)) {
            dump::confirm(api, subject, *version, expected).await;
        }
    }
    dumps
}
