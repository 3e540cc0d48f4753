//! Reads back everything that a node has, and compares nodes.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::{Api, Call, segment};
use crate::wait::until;

/// Items asked for in one page: less than the server's most, so that paging is exercised.
pub(crate) const PAGE: usize = 400;

/// One version as a node shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Held {
    pub id: u32,
    pub guid: String,
    pub format: String,
    pub text: String,
}

/// Everything that a node has: (subject, version) → what it holds.
pub type Dump = BTreeMap<(String, u32), Held>;

/// Reads all versions of a node, from its own replica.
///
/// # Panics
/// If the node does not answer well.
pub async fn local(api: &Api) -> Dump {
    read(|path| api.local(path)).await
}

/// Reads all versions through a node, confirmed by the quorum.
///
/// # Panics
/// If the node does not answer well.
pub async fn linearizable(api: &Api) -> Dump {
    read(|path| api.get(path).header("X-Registry-Consistency", "linearizable")).await
}

/// The versions that are not deleted, through a node, confirmed by the quorum.
///
/// # Panics
/// If the node does not answer well.
pub async fn live(api: &Api) -> BTreeSet<(String, u32)> {
    let read = read(|path| {
        api.get(&path.replace("deleted=true", "deleted=false")).header("X-Registry-Consistency", "linearizable")
    });
    read.await.into_keys().collect()
}

async fn read(begin: impl Fn(&str) -> Call) -> Dump {
    let mut dump = Dump::new();
    let mut offset = 0;
    loop {
        let path = format!("/schemas?deleted=true&offset={offset}&limit={PAGE}");
        let page = begin(&path).send().await.expect("a node that is up answers").good().list();
        for item in &page {
            let text = |key: &str| item[key].as_str().unwrap_or_else(|| panic!("no {key} in {item}")).to_owned();
            let number = |key: &str| item[key].as_u64().and_then(|n| u32::try_from(n).ok()).expect("a number");
            let held = Held { id: number("id"), guid: text("guid"), format: text("schemaType"), text: text("schema") };
            let twice = dump.insert((text("subject"), number("version")), held);
            assert_eq!(twice, None, "a version is listed twice: {item}");
        }
        if page.len() < PAGE {
            return dump;
        }
        offset += PAGE;
    }
}

/// Reads one version in every way there is and compares each with what is expected.
///
/// # Panics
/// At the first way that answers something else.
pub async fn confirm(api: &Api, subject: &str, version: u32, expected: &Held) {
    let name = segment(subject);
    let get = async |path: String| api.local(&path).send().await.expect("a node that is up answers").good();
    let by_version = get(format!("/subjects/{name}/versions/{version}")).await.schema();
    let by_id = get(format!("/schemas/ids/{}", expected.id)).await.schema();
    let by_guid = get(format!("/schemas/guids/{}", expected.guid)).await.schema();
    assert_eq!(by_version.id, Some(expected.id), "{subject} {version} on node {}", api.node_id);
    for body in [by_version, by_id, by_guid] {
        assert_eq!(body.schema.as_ref(), Some(&expected.text), "{subject} {version} on node {}", api.node_id);
        assert_eq!(body.guid.as_ref(), Some(&expected.guid), "{subject} {version} on node {}", api.node_id);
        assert_eq!(body.schema_type.as_ref(), Some(&expected.format), "{subject} {version} on node {}", api.node_id);
    }
    for path in [format!("/schemas/ids/{}/schema", expected.id), format!("/subjects/{name}/versions/{version}/schema")]
    {
        assert_eq!(get(path).await.text(), expected.text, "{subject} {version} on node {}", api.node_id);
    }
}

/// Waits until all nodes have applied the same entries and nothing moves, and gives that index.
pub async fn settled(nodes: &[Api]) -> u64 {
    until("all nodes to have applied the same", async || {
        let mut seen = Vec::new();
        for api in nodes {
            seen.push(api.get("/livez").send().await?.index());
        }
        if seen.iter().all(|index| *index == seen[0]) { Ok(seen[0]) } else { Err(format!("{seen:?}")) }
    })
    .await
}

/// Waits until nothing moves, compares the nodes' digests, and reads everything that each node has from its own replica.
///
/// # Panics
/// If they differ.
pub async fn agreed(nodes: &[Api]) -> BTreeMap<u64, Dump> {
    settled(nodes).await;
    same_digests(nodes).await;
    let mut dumps = BTreeMap::new();
    for api in nodes {
        dumps.insert(api.node_id, local(api).await);
    }
    dumps
}

/// What dumps hold of subjects whose name fits.
pub fn only(dumps: &BTreeMap<u64, Dump>, fits: impl Fn(&str) -> bool) -> BTreeMap<u64, Dump> {
    let part = |dump: &Dump| {
        dump.iter().filter(|(key, _)| fits(&key.0)).map(|(key, held)| (key.clone(), held.clone())).collect()
    };
    dumps.iter().map(|(node, dump)| (*node, part(dump))).collect()
}

/// Compares the nodes' state digests at an index that all of them remember.
///
/// # Panics
/// If they differ.
pub async fn same_digests(nodes: &[Api]) -> String {
    until("a digest that all nodes remember", async || {
        let mut newest = Vec::new();
        for api in nodes {
            let body = api.get("/admin/state-hash").send().await?.good().json();
            newest.push(body["index"].as_u64().ok_or("no index")?);
        }
        let index = newest.iter().min().ok_or("no nodes")?;
        let mut digests = BTreeMap::new();
        for api in nodes {
            let answer = api.get(&format!("/admin/state-hash?index={index}")).send().await?;
            if answer.status != 200 {
                return Err(format!("node {} at {index}: {}", api.node_id, answer.text()));
            }
            digests.insert(api.node_id, answer.json()["digest"].as_str().unwrap_or_default().to_owned());
        }
        let first = digests.values().next().cloned().ok_or("no digests")?;
        assert!(digests.values().all(|digest| *digest == first), "the states differ at {index}: {digests:?}");
        Ok(first)
    })
    .await
}
