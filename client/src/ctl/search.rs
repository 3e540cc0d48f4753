//! `registryctl schema search`: the catalogue, page by page.

use client::{message_json, v1};

use crate::Session;
use crate::fail::CommandError;
use crate::screen::{Shown, time_text};

#[derive(Debug, clap::Args)]
pub(crate) struct SearchArguments {
    /// Names of subjects that begin like this.
    #[arg(long, default_value = "")]
    prefix: String,
    /// AVRO, JSON or PROTOBUF.
    #[arg(long, default_value = "")]
    format: String,
    /// ACTIVE, DEPRECATED, …
    #[arg(long, default_value = "")]
    state: String,
    /// The metadata property `owner`.
    #[arg(long, default_value = "")]
    owner: String,
    /// A tag.
    #[arg(long, default_value = "")]
    tag: String,
    /// A metadata property, as NAME=VALUE.
    #[arg(long, default_value = "")]
    property: String,
    /// The name of a field, anywhere.
    #[arg(long, default_value = "")]
    field: String,
    /// The path of a field: order.items.sku.
    #[arg(long, default_value = "")]
    path: String,
    /// The full name of a type.
    #[arg(long = "type", default_value = "")]
    of_type: String,
    /// Words of documentation and names.
    #[arg(long, default_value = "")]
    words: String,
    /// Only the latest version of each subject.
    #[arg(long)]
    latest_only: bool,
    /// Most versions to show.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

pub(crate) async fn run_search(session: &Session, arguments: &SearchArguments) -> Result<(), CommandError> {
    let mut question = v1::SearchRequest {
        prefix: arguments.prefix.clone(),
        format: arguments.format.to_uppercase(),
        state: arguments.state.to_uppercase(),
        owner: arguments.owner.clone(),
        tag: arguments.tag.clone(),
        property: arguments.property.clone(),
        field: arguments.field.clone(),
        path: arguments.path.clone(),
        r#type: arguments.of_type.clone(),
        text: arguments.words.clone(),
        latest_only: arguments.latest_only,
        ..v1::SearchRequest::default()
    };
    let mut found = v1::SearchResponse::default();
    let most = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    loop {
        question.page_size = arguments.limit.clamp(1, 1_000);
        let page = session.client.search(&question).await?;
        found.versions.extend(page.versions);
        found.next_page_token.clone_from(&page.next_page_token);
        if page.next_page_token.is_empty() || found.versions.len() >= most {
            break;
        }
        question.page_token = page.next_page_token;
    }
    found.versions.truncate(most);
    let row = |version: &v1::Version| {
        vec![
            version.subject.clone(),
            version.version.to_string(),
            version.semantic_version.clone(),
            version.state.clone(),
            version.id.to_string(),
            time_text(version.created_ms),
            version.guid.clone(),
        ]
    };
    session.screen.show(&Shown {
        columns: vec!["SUBJECT", "VERSION", "SEMVER", "STATE", "ID", "CREATED", "+GUID"],
        rows: found.versions.iter().map(row).collect(),
        names: found.versions.iter().map(|version| format!("{} {}", version.subject, version.version)).collect(),
        json: message_json(&found)["versions"].clone(),
        ..Shown::default()
    })
}
