//! What the ports of clients answer while the node starts: 503, at once.
//!
//! The ports are bound before anything is opened, so somebody has to accept: a client that waits in a backlog for a node that
//! waits for its peers would wait for ever.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::tls::Gateway;

/// Connections that are answered at the same time; more wait.
const CONNECTIONS_MAX: usize = 64;
/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest time for one connection.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(2);

/// Answers every request with 503, but `/livez`, until the future is dropped.
pub(super) async fn answer_http(listener: &TcpListener, gateway: &Gateway) {
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= CONNECTIONS_MAX {
            drop(connections.join_next().await);
        }
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            let gateway = gateway.clone();
            connections.spawn(async move {
                tokio::time::timeout(CONNECTION_TIME_MAX, answer_connection(stream, &gateway)).await
            });
        } else {
            // Too many open files, for instance: it passes, and must not turn this into a busy loop.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Closes every connection: a client of gRPC takes that for UNAVAILABLE and tries again.
pub(super) async fn refuse_connections(listener: Option<&TcpListener>) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        if listener.accept().await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn answer_connection(stream: TcpStream, gateway: &Gateway) -> std::io::Result<()> {
    let mut stream = gateway.secure(stream).await?.stream;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(starting_response(&head).as_bytes()).await?;
    stream.shutdown().await?;
    // The rest of a body is read: closing over unread bytes would reset the connection before the answer is seen.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

fn starting_response(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let path = head.split_ascii_whitespace().nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (status, body) = match path {
        "/livez" => ("200 OK", r#"{"alive":true,"reason":null}"#),
        "/startupz" => ("503 Service Unavailable", r#"{"started":false}"#),
        "/readyz" => ("503 Service Unavailable", r#"{"ready":false,"reasons":["starting"]}"#),
        _ => (
            "503 Service Unavailable",
            r#"{"error_code":503,"message":"This node is starting; try again, or ask another node"}"#,
        ),
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nretry-after: 1\r\n\
         connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(request: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let mut stream = TcpStream::connect(listener.local_addr().expect("address")).await.expect("connect");
        let asked = async {
            stream.write_all(request.as_bytes()).await.expect("ask");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.expect("an answer");
            text
        };
        tokio::select! {
            text = asked => text,
            () = answer_http(&listener, &Gateway::Plain) => unreachable!("it answers for ever"),
        }
    }

    #[tokio::test]
    async fn a_starting_node_is_alive_and_serves_nobody() {
        assert!(ask("GET /livez HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        assert!(ask("GET /readyz?x=1 HTTP/1.1\r\n\r\n").await.ends_with(r#""reasons":["starting"]}"#));
        let answer = ask("POST /subjects/s/versions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("error_code"), "{answer}");
    }
}
