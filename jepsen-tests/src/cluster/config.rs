//! The configuration file of a node.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::ports::Ports;
use super::spec::{Spec, region};
use crate::net::{Mesh, Origin};

/// The text of node `id`'s configuration file. `members` are the peers that it asks before its first start.
///
/// With a mesh the node finds every other one at its own proxy for it.
pub fn text(
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
         [http]\nlisten = \"127.0.0.1:{}\"\n\n[peer]\nlisten = \"127.0.0.1:{}\"\n",
        region(id),
        data.display(),
        spec.cluster_id,
        spec.profile,
        mine.http,
        mine.peer,
    );
    write!(text, "\n[grpc]\nlisten = \"127.0.0.1:{}\"\n", mine.grpc).expect("writing to a string cannot fail");
    for (member, ports) in ports.iter().filter(|(member, _)| members.contains(member)) {
        let Ports { http, peer, .. } = ports;
        let written = write!(
            text,
            "\n[[cluster.members]]\nid = {member}\npeer_address = \"127.0.0.1:{peer}\"\n\
             http_url = \"http://127.0.0.1:{http}\"\nregion = \"{}\"\n",
            region(*member)
        );
        written.expect("writing to a string cannot fail");
    }
    if let Some(mesh) = mesh {
        text.push_str("\n[cluster.peer_overrides]\n");
        for other in ports.keys().filter(|other| **other != id) {
            text.push_str(&format!("{other} = \"{}\"\n", mesh.address(Origin::Node(id), *other)));
        }
    }
    text
}
