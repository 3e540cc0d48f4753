//! Validations per second over gRPC streams: the hot path of a service that checks what it ingests.
//!
//! Each client has one stream of its own, keeps a window of requests under way and checks that every answer is the right one for
//! its tag: every hundredth piece of data is invalid on purpose.

use std::time::{Duration, Instant};

use proto::v1;
use proto::v1::registry_client::RegistryClient;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// Requests of one stream under way.
const WINDOW: usize = 1_024;
/// One in so many is invalid.
const INVALID_EVERY: u64 = 100;

/// The schema that data is checked against: a telemetry event of an LLM call.
pub const SCHEMA: &str = r#"{"type":"record","name":"Call","namespace":"bench","fields":[
    {"name":"request_id","type":"string"},{"name":"model","type":"string"},{"name":"at_ms","type":"long"},
    {"name":"prompt_tokens","type":"int"},{"name":"completion_tokens","type":"int"},{"name":"cost","type":"double"},
    {"name":"tags","type":{"type":"array","items":"string"}},{"name":"error","type":["null","string"],"default":null}]}"#;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Answers of all streams.
    pub answers: u64,
    /// From the first request to the last answer.
    pub time: Duration,
}

/// Runs this many streams for a time against one node; `subject` holds [`SCHEMA`].
///
/// # Errors
/// If the node does not answer, or answers wrongly.
pub async fn measure_validation(
    grpc_url: &str,
    subject: &str,
    streams: usize,
    time: Duration,
) -> Result<Figures, String> {
    let started = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..streams {
        tasks.push(tokio::spawn(run_stream(grpc_url.to_owned(), subject.to_owned(), started + time)));
    }
    let mut answers = 0;
    for task in tasks {
        answers += task.await.map_err(|error| error.to_string())??;
    }
    Ok(Figures { answers, time: started.elapsed() })
}

async fn run_stream(url: String, subject: String, end: Instant) -> Result<u64, String> {
    let mut client = RegistryClient::connect(url).await.map_err(|error| error.to_string())?;
    let (requests, sent) = mpsc::channel(WINDOW);
    let window = std::sync::Arc::new(Semaphore::new(WINDOW));
    let places = window.clone();
    tokio::spawn(async move {
        let mut tag = 0;
        while Instant::now() < end {
            let Ok(place) = places.acquire().await else { return };
            place.forget();
            tag += 1;
            let data = event_bytes(tag, tag % INVALID_EVERY != 0);
            let request = v1::ValidateRequest { tag, subject: subject.clone(), data, ..v1::ValidateRequest::default() };
            if requests.send(request).await.is_err() {
                return;
            }
        }
    });
    let mut answers =
        client.validate_stream(ReceiverStream::new(sent)).await.map_err(|status| status.to_string())?.into_inner();
    let mut count = 0;
    while let Some(answer) = answers.message().await.map_err(|status| status.to_string())? {
        count += 1;
        window.add_permits(1);
        let expected = answer.tag % INVALID_EVERY != 0;
        if answer.tag != count || answer.valid != expected || answer.error_code != 0 {
            return Err(format!("answer {count} is wrong: {answer:?}"));
        }
    }
    Ok(count)
}

/// A call as Avro's binary form; an invalid one ends too early.
fn event_bytes(tag: u64, is_valid: bool) -> Vec<u8> {
    let mut data = Vec::with_capacity(96);
    append_text(&mut data, &format!("request-{tag:012}"));
    append_text(&mut data, "some-large-model-1");
    append_number(&mut data, 1_790_000_000_000 + tag);
    append_number(&mut data, 1_200);
    append_number(&mut data, 350);
    data.extend(0.0125_f64.to_le_bytes());
    append_number(&mut data, 2);
    append_text(&mut data, "team-a");
    append_text(&mut data, "production");
    append_number(&mut data, 0);
    if is_valid {
        append_number(&mut data, 0);
    }
    data
}

fn append_text(data: &mut Vec<u8>, text: &str) {
    append_number(data, text.len() as u64);
    data.extend(text.as_bytes());
}

/// A number that is not negative: zigzag, then seven bits at a time.
fn append_number(data: &mut Vec<u8>, number: u64) {
    let mut left = number << 1;
    loop {
        let byte = u8::try_from(left & 0x7f).unwrap_or(0);
        left >>= 7;
        if left == 0 {
            data.push(byte);
            return;
        }
        data.push(byte | 0x80);
    }
}
