//! Compressed bodies: answers as the client accepts them, requests as the client sends them.
//!
//! A compressed request is inflated while it is read, and the limit on bodies counts what comes out: a small body that
//! would become a large one ends where the limit is.

use std::convert::Infallible;

use axum::body::Body;
use http::header::CONTENT_ENCODING;
use http::{Request, Response};
use proto::error_code as code;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, NotForContentType, Predicate, SizeAbove};
use tower_http::decompression::RequestDecompressionLayer;

use crate::service::ServiceError;

/// Answers shorter than this go out as they are: a packet holds as much, and compressing takes longer than sending.
const COMPRESSED_BYTES_MIN: u16 = 1_024;

/// Compresses answers with gzip or zstd. Events are sent one by one, and stay so.
pub(super) fn answer_compression() -> CompressionLayer<And<SizeAbove, NotForContentType>> {
    let worth_it = SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::SSE);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it)
}

/// The request with its body as it was before it was compressed; it is read as it always is.
///
/// # Errors
/// 415 for an encoding that is none of ours.
pub(super) async fn inflated_request(request: Request<Body>) -> Result<Request<Body>, ServiceError> {
    let Some(encoding) = request.headers().get(CONTENT_ENCODING) else { return Ok(request) };
    if encoding == "identity" {
        return Ok(request);
    }
    let shown = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
    let (hand_over, handed) = tokio::sync::oneshot::channel();
    let mut hand_over = Some(hand_over);
    // It owns the sender: a request that does not come this far leaves none.
    let inner = service_fn(move |request: Request<_>| {
        if let Some(hand_over) = hand_over.take() {
            // A receiver that is gone asks for nothing more.
            drop(hand_over.send(request.map(Body::new)));
        }
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let answered = RequestDecompressionLayer::new().layer(inner).oneshot(request).await;
    drop(answered);
    let unknown = |_| {
        let message = format!("The content encoding {shown:?} is not known: send gzip, zstd or identity");
        ServiceError::new(code::UNSUPPORTED_MEDIA_TYPE, message)
    };
    handed.await.map_err(unknown)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn request(encoding: &str, body: &[u8]) -> Request<Body> {
        Request::builder().header(CONTENT_ENCODING, encoding).body(Body::from(body.to_vec())).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_inflated_as_it_says_or_refused() {
        // `printf '{}' | gzip -n`
        let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
        let read = inflated_request(request("gzip", &gzip)).await.unwrap();
        assert!(!read.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(read.into_body().collect().await.unwrap().to_bytes(), "{}");
        let broken = inflated_request(request("gzip", b"{}")).await.unwrap();
        assert!(broken.into_body().collect().await.is_err());
        assert_eq!(
            inflated_request(request("identity", b"{}")).await.unwrap().into_body().collect().await.unwrap().to_bytes(),
            "{}"
        );
        assert_eq!(inflated_request(request("br", b"{}")).await.unwrap_err().code, code::UNSUPPORTED_MEDIA_TYPE);
    }
}
