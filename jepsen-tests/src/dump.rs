//! Reads back everything that a node has, and compares nodes.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use serde_json::Value;

use crate::client::{Api, Call, segment};
use crate::wait::until;

/// Items asked for in one page: less than the server's most, so that paging is exercised.
pub(crate) const PAGE: usize = 400;

/// One version as a node shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    read_pages(|path| api.local(path)).await
}

/// Reads all versions through a node, confirmed by the quorum.
///
/// # Panics
/// If the node does not answer well.
pub async fn linearizable(api: &Api) -> Dump {
    read_pages(|path| api.get(path).header("X-Registry-Consistency", "linearizable")).await
}

/// The versions that are not deleted, through a node, confirmed by the quorum.
///
/// # Panics
/// If the node does not answer well.
pub async fn live(api: &Api) -> BTreeSet<(String, u32)> {
    let read = read_pages(|path| {
        api.get(&path.replace("deleted=true", "deleted=false")).header("X-Registry-Consistency", "linearizable")
    });
    read.await.into_keys().collect()
}

async fn read_pages(begin: impl Fn(&str) -> Call) -> Dump {
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

/// Requests under way at once while a node's whole state is read.
const READS_AT_ONCE: usize = 12;

/// Everything that a node shows of its replica: for every request, the status and the body of the answer.
pub type Rows = BTreeMap<String, (u16, Value)>;

/// Reads everything that the API shows of a replica: every version in every context with its text, every subject's level, mode, policy
/// and versions with their states and revisions, and the contexts. From the replica as it is.
///
/// # Panics
/// If the node does not answer.
pub async fn all_rows(api: &Api) -> Rows {
    let mut rows = Rows::new();
    let mut offset = 0;
    loop {
        let path = format!("/schemas?subjectPrefix=:*:&deleted=true&offset={offset}&limit={PAGE}");
        let (path, status, body) = read_row(api, path).await;
        let length = body.as_array().map_or(0, Vec::len);
        rows.insert(path, (status, body));
        if length < PAGE {
            break;
        }
        offset += PAGE;
    }
    let (subjects_path, status, subjects) = read_row(api, "/subjects?subjectPrefix=:*:&deleted=true".to_owned()).await;
    let mut paths = vec!["/contexts".to_owned(), "/config".to_owned(), "/mode".to_owned()];
    for subject in subjects.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let name = segment(subject);
        paths.push(format!("/config/{name}"));
        paths.push(format!("/mode/{name}"));
        paths.push(format!("/subjects/{name}/versions?deleted=true"));
        paths.push(format!("/api/v1/policy/{name}"));
        paths.push(format!("/api/v1/subjects/{name}/versions?deleted=true"));
    }
    rows.insert(subjects_path, (status, subjects));
    let mut reads =
        futures::stream::iter(paths.into_iter().map(|path| read_row(api, path))).buffer_unordered(READS_AT_ONCE);
    while let Some((path, status, body)) = reads.next().await {
        rows.insert(path, (status, body));
    }
    rows
}

async fn read_row(api: &Api, path: String) -> (String, u16, Value) {
    let answer = until(&format!("an answer of node {} to {path}", api.node_id), || api.local(&path).send()).await;
    let body = serde_json::from_slice(&answer.body).unwrap_or_else(|_| Value::String(answer.text()));
    (path, answer.status, body)
}

/// Compares the whole states of nodes row by row (I15), at a moment when nothing moves; the differences, one line each.
pub fn row_differences(states: &BTreeMap<u64, Rows>) -> Vec<String> {
    let mut faults = Vec::new();
    let Some((first, expected)) = states.iter().next() else { return faults };
    for (node, rows) in states.iter().skip(1) {
        let paths: BTreeSet<&String> = expected.keys().chain(rows.keys()).collect();
        for path in paths {
            let (one, other) = (expected.get(path), rows.get(path));
            if one != other {
                let show = |row: Option<&(u16, Value)>| format!("{row:?}").chars().take(200).collect::<String>();
                faults.push(format!(
                    "I15: nodes {first} and {node} differ in {path}: {} and {}",
                    show(one),
                    show(other)
                ));
            }
        }
    }
    faults.truncate(DIFFERENCES_SHOWN_MAX);
    faults
}

/// Differences that are shown, at most.
const DIFFERENCES_SHOWN_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_that_one_node_lost_or_kept_is_found() {
        let rows = |version: u64| Rows::from([("/config/s".to_owned(), (200, json!({"version": version})))]);
        assert!(row_differences(&BTreeMap::from([(1, rows(1)), (2, rows(1)), (3, rows(1))])).is_empty());
        let found = row_differences(&BTreeMap::from([(1, rows(1)), (2, rows(1)), (3, rows(2))]));
        assert!(found.len() == 1 && found[0].contains("nodes 1 and 3"), "{found:?}");
        let mut more = rows(1);
        more.insert("/mode/s".to_owned(), (404, json!({})));
        assert_eq!(row_differences(&BTreeMap::from([(1, rows(1)), (2, more)])).len(), 1, "a row too much");
        assert_eq!(row_differences(&BTreeMap::from([(1, rows(1)), (2, Rows::new())])).len(), 1, "a row too few");
    }
}
