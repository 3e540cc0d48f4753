//! The body of an answer that says more at its end than at its beginning: gRPC's status, or how long a stream went on.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http::HeaderMap;
use http_body::{Frame, SizeHint};

/// Calls `on_end` once, with the trailers if there were any: at the end, at an error, or when the client went away.
pub(super) struct Observed<F: FnOnce(Option<&HeaderMap>) + Send + Unpin + 'static> {
    inner: Body,
    on_end: Option<F>,
}

impl<F: FnOnce(Option<&HeaderMap>) + Send + Unpin + 'static> Observed<F> {
    pub(super) fn new(inner: Body, on_end: F) -> Self {
        Self { inner, on_end: Some(on_end) }
    }

    fn end_once(&mut self, trailers: Option<&HeaderMap>) {
        if let Some(on_end) = self.on_end.take() {
            on_end(trailers);
        }
    }
}

impl<F: FnOnce(Option<&HeaderMap>) + Send + Unpin + 'static> HttpBody for Observed<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.end_once(Some(trailers));
                }
            }
            Poll::Ready(Some(Err(_)) | None) => self.end_once(None),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<F: FnOnce(Option<&HeaderMap>) + Send + Unpin + 'static> Drop for Observed<F> {
    fn drop(&mut self) {
        self.end_once(None);
    }
}
