//! A unary gRPC call by its path, for servers whose messages are declared by hand (etcd) or by `proto`.

use std::marker::PhantomData;

use prost::Message;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

/// A method of a server that can be called again and again.
#[derive(Clone)]
pub(super) struct Unary<Q, A> {
    grpc: Grpc<Channel>,
    path: http::uri::PathAndQuery,
    kinds: PhantomData<fn(Q) -> A>,
}

impl<Q: Message + 'static, A: Message + Default + 'static> Unary<Q, A> {
    /// A method on a channel.
    pub(super) fn new(channel: Channel, path: &'static str) -> Self {
        Self { grpc: Grpc::new(channel), path: http::uri::PathAndQuery::from_static(path), kinds: PhantomData }
    }

    /// Calls it.
    ///
    /// # Errors
    /// The status that the server gave.
    pub(super) async fn call(&mut self, question: Q) -> Result<A, tonic::Status> {
        self.grpc.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        let answer = self.grpc.unary(tonic::Request::new(question), self.path.clone(), ProstCodec::default()).await?;
        Ok(answer.into_inner())
    }
}

/// Connects to a server on this machine.
///
/// # Errors
/// A text if it cannot be reached.
pub(super) async fn connect_channel(port: u16) -> Result<Channel, String> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{port}"))
        .map_err(|error| error.to_string())?
        .tcp_nodelay(true);
    endpoint.connect().await.map_err(|error| format!("connect to port {port}: {error}"))
}
