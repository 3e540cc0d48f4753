//! One request on a connection: what marks its beginning and its end, and the body that tells how far its answer has gone.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

use super::activity::Activity;
use super::connections::Connections;

/// The other end of the connection on which a request came. Every request has it among its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

/// A door as one connection sees it.
#[derive(Debug)]
pub(super) struct Guarded<D, P> {
    door: D,
    from: ClientAddress,
    peer: Option<P>,
    activity: Arc<Activity>,
    connections: Connections,
}

impl<D, P> Guarded<D, P> {
    pub(super) fn new(
        door: D,
        from: SocketAddr,
        peer: Option<P>,
        activity: Arc<Activity>,
        connections: Connections,
    ) -> Self {
        Self { door, from: ClientAddress(from), peer, activity, connections }
    }
}

impl<D, P, R> hyper::service::Service<Request<Incoming>> for Guarded<D, P>
where
    D: Service<Request<Incoming>, Response = Response<R>, Error = Infallible> + Clone,
    D::Future: Unpin,
    P: Clone + Send + Sync + 'static,
{
    type Response = Response<Answer<R>>;
    type Error = Infallible;
    type Future = Answering<Oneshot<D, Request<Incoming>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let is_multiplexed = request.version() == Version::HTTP_2;
        request.extensions_mut().insert(self.from);
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        self.activity.note_asked(is_multiplexed);
        Answering {
            inner: self.door.clone().oneshot(request),
            under_way: Some(UnderWay { activity: self.activity.clone(), owes: false }),
            // With HTTP/2 the connection itself says so, when it is told to finish.
            connections: (!is_multiplexed).then(|| self.connections.clone()),
        }
    }
}

/// Marks a request as under way for as long as it lives.
#[derive(Debug)]
struct UnderWay {
    activity: Arc<Activity>,
    /// A part of the answer was handed over and not asked for the next one yet.
    owes: bool,
}

impl UnderWay {
    fn hand(&mut self) {
        if !self.owes {
            self.owes = true;
            self.activity.note_handed();
        }
    }

    fn take(&mut self) {
        if self.owes {
            self.owes = false;
            self.activity.note_taken();
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.take();
        self.activity.note_answered();
    }
}

/// The answer to come.
pub(super) struct Answering<F> {
    inner: F,
    under_way: Option<UnderWay>,
    connections: Option<Connections>,
}

impl<F, R> Future for Answering<F>
where
    F: Future<Output = Result<Response<R>, Infallible>> + Unpin,
{
    type Output = Result<Response<Answer<R>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(mut response) = ready!(Pin::new(&mut self.inner).poll(cx));
        let under_way = self.under_way.take();
        if is_upgrade(&response) {
            // What is spoken after this answer is no HTTP.
            under_way.iter().for_each(|under_way| under_way.activity.note_upgraded());
        } else if self.connections.as_ref().is_some_and(Connections::is_draining) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response.map(|inner| Answer { inner, under_way })))
    }
}

/// An answer after which the connection belongs to another protocol.
fn is_upgrade<B>(response: &Response<B>) -> bool {
    response.headers().contains_key(http::header::UPGRADE)
}

/// The body of an answer.
pub(super) struct Answer<R> {
    inner: R,
    under_way: Option<UnderWay>,
}

impl<R: Body<Data = Bytes> + Unpin> Body for Answer<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let Self { inner, under_way } = &mut *self;
        if let Some(under_way) = under_way {
            under_way.take();
        }
        let polled = Pin::new(inner).poll_frame(cx);
        if let (Poll::Ready(Some(Ok(_))), Some(under_way)) = (&polled, under_way) {
            under_way.hand();
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
