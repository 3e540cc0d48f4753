//! `registryctl events`.

use std::time::Duration;

use clap::Subcommand;
use client::{RegistryEvent, Watch};

use crate::Session;
use crate::fail::CommandError;
use crate::profile::parse_duration;

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Prints events as they happen, and goes on at another node when one goes away.
    #[command(after_help = "Example:\n  registryctl events watch --after 0 --count 1")]
    Watch {
        /// The token of the last event that you have; 0 is all that is retained [default: from now on].
        #[arg(long, default_value = "")]
        after: String,
        /// Only these kinds, separated by commas.
        #[arg(long, value_delimiter = ',')]
        kinds: Vec<String>,
        /// Only of this subject.
        #[arg(long, default_value = "")]
        subject: String,
        /// End after so many.
        #[arg(long)]
        count: Option<u64>,
        /// End after this time.
        #[arg(long = "for")]
        time_max: Option<String>,
    },
}

pub(crate) async fn run_events(session: &Session, command: &EventsCommand) -> Result<(), CommandError> {
    let EventsCommand::Watch { after, kinds, subject, count, time_max } = command;
    let context = session.subject("");
    let watch = Watch {
        after: after.clone(),
        kinds: kinds.clone(),
        subject: if subject.is_empty() { String::new() } else { session.subject(subject) },
        context: context.trim_matches(':').to_owned(),
    };
    let end = time_max.as_deref().map(parse_duration).transpose().map_err(CommandError::Use)?;
    let mut events = session.client.watch(watch).give_up_after(10);
    let mut printed = 0;
    let print = async {
        while count.is_none_or(|count| printed < count) {
            let event = events.next().await?;
            if event.is_progress() {
                continue;
            }
            printed += 1;
            session.screen.line(&event_line(&event), &event.cloud_event)?;
        }
        Ok(())
    };
    // Without a bound the far end of the calendar is as good.
    tokio::time::timeout(end.unwrap_or(Duration::from_secs(u64::from(u32::MAX))), print).await.unwrap_or(Ok(()))
}

fn event_line(event: &RegistryEvent) -> String {
    let data = &event.cloud_event["data"];
    let details = data
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !["actor", "version", "context"].contains(&name.as_str()));
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let details: Vec<_> = details.map(|(name, value)| format!("{name}={}", text(value))).collect();
    let time = event.cloud_event["time"].as_str().unwrap_or("-");
    let subject = event.cloud_event["subject"].as_str().unwrap_or("-");
    let version = data["version"].as_u64().map(|version| format!(" version {version}")).unwrap_or_default();
    let actor = data["actor"].as_str().unwrap_or("-");
    format!("{} {time} {} {subject}{version} by {actor} {}", event.token, event.kind, details.join(" "))
        .trim_end()
        .to_owned()
}
