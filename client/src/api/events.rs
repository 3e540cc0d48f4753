//! Events: a watch that goes on where it was when its connection or its node goes away.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use crate::transport::Call;
use crate::{Client, ClientError, Refusal};

/// A node tells of progress every five seconds; after this silence another connection is made.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// The wait before a new connection; doubled each time that none could be made.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The longest event: a node sends none of more than some kilobytes.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Which events, and from where on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// The token of the last event that was dealt with. Empty: from now on. `0`: all that is retained.
    pub after: String,
    /// Only these kinds; empty is all.
    pub kinds: Vec<String>,
    /// Only of this subject.
    pub subject: String,
    /// Only of this context.
    pub context: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistryEvent {
    /// A watch that begins after this token goes on right behind this event.
    pub token: String,
    /// For instance `schema.registered`; empty in a message that only moves the token on.
    pub kind: String,
    /// The event as CloudEvents 1.0.
    pub cloud_event: Value,
}

impl RegistryEvent {
    /// Does it only say how far the watch has come?
    pub fn is_progress(&self) -> bool {
        self.kind.is_empty()
    }
}

/// A watch under way.
#[derive(Debug)]
pub struct Events {
    client: Client,
    watch: Watch,
    connection: Option<Response>,
    parser: EventParser,
    ready: VecDeque<RegistryEvent>,
    failures: u32,
    failures_max: Option<u32>,
}

impl Client {
    /// Watches events. Nothing is sent before the first [`Events::next`].
    pub fn watch(&self, watch: Watch) -> Events {
        Events {
            client: self.clone(),
            watch,
            connection: None,
            parser: EventParser::default(),
            ready: VecDeque::new(),
            failures: 0,
            failures_max: None,
        }
    }
}

impl Events {
    /// Gives up after so many connections in a row that could not be made. Without it a watch waits for ever.
    #[must_use]
    pub fn give_up_after(mut self, failures: u32) -> Self {
        self.failures_max = Some(failures);
        self
    }

    /// The token to resume with.
    pub fn token(&self) -> &str {
        &self.watch.after
    }

    /// The next event, or the next progress. Connections that break are made again, on any node, without a gap and
    /// without a repetition.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the watch itself is refused, for instance since the events after its token are gone
    /// (41051); [`ClientError::Unreachable`] where [`Events::give_up_after`] says so.
    pub async fn next(&mut self) -> Result<RegistryEvent, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.watch.after.clone_from(&event.token);
                return Ok(event);
            }
            let piece = match &mut self.connection {
                None => {
                    self.connect().await?;
                    continue;
                }
                Some(connection) => tokio::time::timeout(SILENCE_MAX, connection.chunk()).await,
            };
            // Silence, an error and an end are one: whatever was not complete is sent again.
            let Ok(Ok(Some(piece))) = piece else {
                self.connection = None;
                continue;
            };
            for frame in self.parser.feed(&piece) {
                match self.read(frame)? {
                    Some(event) => self.ready.push_back(event),
                    None => {
                        self.connection = None;
                        break;
                    }
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        self.parser = EventParser::default();
        let Watch { after, kinds, subject, context } = &self.watch;
        let mut call = Call::read("/api/v1/events");
        for (name, value) in [("after", after), ("kinds", &kinds.join(",")), ("subject", subject), ("context", context)]
        {
            if !value.is_empty() {
                call = call.with(name, value);
            }
        }
        match self.client.shared.transport.open(&self.client.options, &call).await {
            Ok((_, connection)) => {
                self.connection = Some(connection);
                self.failures = 0;
                Ok(())
            }
            Err(ClientError::Refused(refusal)) => Err(ClientError::Refused(refusal)),
            Err(error) => {
                self.failures += 1;
                if self.failures_max.is_some_and(|most| self.failures >= most) {
                    return Err(error);
                }
                tokio::time::sleep(PAUSE.saturating_mul(1 << self.failures.min(8)).min(PAUSE_MAX)).await;
                Ok(())
            }
        }
    }

    /// An event of a frame; none where the node ends the connection for a reason that passes.
    fn read(&self, frame: Frame) -> Result<Option<RegistryEvent>, ClientError> {
        if frame.event == "error" {
            let body: Value = serde_json::from_str(&frame.data).unwrap_or_default();
            let code = body["error_code"].as_u64().and_then(|code| u32::try_from(code).ok()).unwrap_or(500);
            let status = u16::try_from(if code >= 10_000 { code / 100 } else { code }).unwrap_or(500);
            if status >= 500 {
                return Ok(None);
            }
            let message = body["message"].as_str().unwrap_or_default().to_owned();
            let refusal = Refusal { status, code, message, request_id: None, url: String::new(), retry_after: None };
            return Err(ClientError::Refused(Box::new(refusal)));
        }
        let is_progress = frame.event == "progress";
        let cloud_event = if is_progress { Value::Null } else { serde_json::from_str(&frame.data).unwrap_or_default() };
        let kind = if is_progress { String::new() } else { frame.event };
        Ok(Some(RegistryEvent { token: frame.id, kind, cloud_event }))
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Frame {
    id: String,
    event: String,
    data: String,
}

/// Takes a stream of server-sent events apart, whatever pieces it comes in (HTML standard, 9.2.6).
#[derive(Debug, Default)]
struct EventParser {
    line: Vec<u8>,
    frame: Frame,
    last_id: String,
    is_after_carriage_return: bool,
}

impl EventParser {
    fn feed(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for byte in bytes {
            let is_second_of_pair = std::mem::take(&mut self.is_after_carriage_return) && *byte == b'\n';
            match byte {
                b'\n' if is_second_of_pair => {}
                b'\n' | b'\r' => {
                    self.is_after_carriage_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    frames.extend(self.take(&String::from_utf8_lossy(&line)));
                }
                other if self.line.len() < EVENT_BYTES_MAX => self.line.push(*other),
                _ => {}
            }
        }
        frames
    }

    fn take(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            let mut frame = std::mem::take(&mut self.frame);
            frame.id.clone_from(&self.last_id);
            return (!frame.data.is_empty()).then_some(frame);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.last_id = value.to_owned(),
            "event" => self.frame.event = value.to_owned(),
            "data" => {
                if !self.frame.data.is_empty() {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            // A comment, or a field that no reader needs.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = "id: 7.0\nevent: schema.registered\ndata: {\"a\":\ndata: 1}\n\n: comment\n\nid: 9.1\r\nevent: progress\r\ndata: {}\r\n\r\nretry: 5\n\n";

    fn expected() -> Vec<Frame> {
        let frame = |id: &str, event: &str, data: &str| Frame { id: id.into(), event: event.into(), data: data.into() };
        vec![frame("7.0", "schema.registered", "{\"a\":\n1}"), frame("9.1", "progress", "{}")]
    }

    proptest! {
        #[test]
        fn a_stream_means_the_same_in_whatever_pieces_it_comes(cuts in prop::collection::vec(0usize..STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let (mut parser, mut frames, mut from) = (EventParser::default(), Vec::new(), 0);
            for cut in cuts {
                frames.extend(parser.feed(&STREAM.as_bytes()[from..cut]));
                from = cut;
            }
            frames.extend(parser.feed(&STREAM.as_bytes()[from..]));
            prop_assert_eq!(frames, expected());
        }
    }
}
