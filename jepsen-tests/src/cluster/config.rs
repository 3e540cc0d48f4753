//! The configuration file of a node.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::ports::Ports;
use super::spec::{Spec, region};
use crate::net::{Mesh, Origin};

/// The text of node `id`'s configuration file. `members` are the peers that it asks before its first start.
///
/// With proxies the node finds every other one at its own proxy for it.
pub fn config_text(
    spec: &Spec,
    id: u64,
    data: &Path,
    ports: &BTreeMap<u64, Ports>,
    members: &[u64],
    mesh: Option<&Mesh>,
) -> String {
    let mine = ports[&id];
    let mut text = format!(
        "[node]\nid = {id}\nregion = \"{}\"\ndata_dir = \"{}\"\n\n[cluster]\nid = \"{}\"\nprofile = \"{}\"\n\n\
         [http]\nlisten = \"{}\"\ndrain_ms = 100\n\n[peer]\nlisten = \"{}\"\n",
        region(id),
        data.display(),
        spec.cluster_id,
        spec.profile,
        mine.http,
        mine.peer,
    );
    write!(text, "\n[grpc]\nlisten = \"{}\"\n", mine.grpc).expect("writing to a string cannot fail");
    // In a namespace the addresses are not those of loopback; the test alone reaches them.
    text.push_str("\n[tls]\nallow_plaintext = true\n\n[peer.tls]\nallow_plaintext = true\n");
    for (member, ports) in ports.iter().filter(|(member, _)| members.contains(member)) {
        let Ports { http, peer, .. } = ports;
        let written = write!(
            text,
            "\n[[cluster.members]]\nid = {member}\npeer_address = \"{peer}\"\n\
             http_url = \"http://{http}\"\nregion = \"{}\"\n",
            region(*member)
        );
        written.expect("writing to a string cannot fail");
    }
    let elsewhere = |other: u64| mesh.and_then(|mesh| mesh.address(Origin::Node(id), other));
    let others = ports.keys().filter(|other| **other != id);
    let overrides = others.filter_map(|other| Some(format!("{other} = \"{}\"\n", elsewhere(*other)?)));
    let overrides: String = overrides.collect();
    if !overrides.is_empty() {
        text.push_str("\n[cluster.peer_overrides]\n");
        text.push_str(&overrides);
    }
    text
}
