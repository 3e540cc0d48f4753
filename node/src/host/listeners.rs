//! The ports of a node, bound before anything is founded or opened: a wrong address must not leave a cluster behind.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::StartError;
use crate::config::Config;

/// Bound listeners, handed to [`super::run`].
#[derive(Debug)]
pub struct Listeners {
    pub(super) peer: TcpListener,
    pub(super) http: TcpListener,
    pub(super) grpc: Option<TcpListener>,
}

/// Where a node really listens; the ports differ from the configured ones where those are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// For the other nodes.
    pub peer: SocketAddr,
    /// For clients.
    pub http: SocketAddr,
    /// For clients of gRPC, where that is configured.
    pub grpc: Option<SocketAddr>,
}

impl Listeners {
    /// Binds every address of the configuration.
    ///
    /// # Errors
    /// [`StartError::Listen`] names the key and the address that cannot be bound.
    pub async fn bind_all(config: &Config) -> Result<Self, StartError> {
        let grpc = match &config.grpc {
            Some(grpc) => Some(listen_on("grpc.listen", &grpc.listen).await?),
            None => None,
        };
        Ok(Self {
            peer: listen_on("peer.listen", &config.peer.listen).await?,
            http: listen_on("http.listen", &config.http.listen).await?,
            grpc,
        })
    }

    /// Listeners that the caller has bound: of a test, or inherited from a supervisor.
    pub fn of(peer: TcpListener, http: TcpListener, grpc: Option<TcpListener>) -> Self {
        Self { peer, http, grpc }
    }

    /// The addresses of these listeners.
    ///
    /// # Errors
    /// [`StartError::System`] if the operating system does not say.
    pub fn addresses(&self) -> Result<Addresses, StartError> {
        let address = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| StartError::System {
                doing: "ask for the address of a listener",
                reason: error.to_string(),
            })
        };
        let grpc = self.grpc.as_ref().map(address).transpose()?;
        Ok(Addresses { peer: address(&self.peer)?, http: address(&self.http)?, grpc })
    }
}

async fn listen_on(key: &'static str, address: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { key, address: address.to_owned(), source })
}
