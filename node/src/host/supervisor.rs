//! Tells systemd, or whoever else sets `NOTIFY_SOCKET`, that the node is ready, that it lives, and that it stops
//! (`sd_notify(3)`). Without such a supervisor nothing happens.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Shortest pause between two signs of life.
const WATCHDOG_INTERVAL_MIN: Duration = Duration::from_millis(10);

/// The supervisor of this process, if it has one that wants to know.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    /// How long the process may be silent.
    silence_max: Option<Duration>,
}

impl Supervisor {
    /// The supervisor that the variables `NOTIFY_SOCKET` and `WATCHDOG_USEC` name.
    ///
    /// # Errors
    /// If there is a socket and it cannot be reached.
    pub fn of(socket: Option<&str>, watchdog_usec: Option<&str>) -> io::Result<Self> {
        let Some(name) = socket.filter(|name| !name.is_empty()) else { return Ok(Self::default()) };
        let address = match name.strip_prefix('@') {
            // The name of an abstract socket, which no file has.
            Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A supervisor that does not read must not stop a node.
        socket.set_nonblocking(true)?;
        let silence_max = watchdog_usec.and_then(|text| text.parse().ok()).map(Duration::from_micros);
        Ok(Self { socket: Some(socket), silence_max })
    }

    /// The node is asked to stop.
    pub fn tell_stopping(&self) {
        self.tell_state("STOPPING=1");
    }

    /// Waits until the node is ready and says so; gives signs of life all the while, for ever. They come from the runtime
    /// that answers clients: one that hangs gives none.
    pub async fn watch_readiness(&self, ready: impl Future<Output = bool>) {
        let alive = async {
            let Some(silence_max) = self.silence_max else { return std::future::pending().await };
            loop {
                self.tell_state("WATCHDOG=1");
                tokio::time::sleep((silence_max / 3).max(WATCHDOG_INTERVAL_MIN)).await;
            }
        };
        let ready = async {
            if ready.await {
                self.tell_state("READY=1\nSTATUS=serving");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = alive => {}
            () = ready => {}
        }
    }

    fn tell_state(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::debug!(%error, state, "tell the supervisor");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_supervisor_hears_of_life_readiness_and_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let heard = UnixDatagram::bind(&path).unwrap();
        heard.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let supervisor = Supervisor::of(path.to_str(), Some("150000")).unwrap();
        let watched = async {
            tokio::time::timeout(Duration::from_millis(180), supervisor.watch_readiness(async { true })).await
        };
        assert!(watched.await.is_err(), "it goes on for ever");
        supervisor.tell_stopping();
        let mut said = Vec::new();
        while said.last().is_none_or(|last| last != "STOPPING=1") {
            let mut buffer = [0; 100];
            let length = heard.recv(&mut buffer).unwrap();
            said.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        assert!(said.iter().filter(|text| *text == "WATCHDOG=1").count() >= 1, "{said:?}");
        assert_eq!(said.iter().filter(|text| text.starts_with("READY=1")).count(), 1, "{said:?}");
    }

    #[tokio::test]
    async fn an_abstract_socket_is_one_and_no_supervisor_is_none() {
        let name = format!("schemareg-test-{}", std::process::id());
        let heard = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Supervisor::of(Some(&format!("@{name}")), None).unwrap().tell_stopping();
        let mut buffer = [0; 100];
        assert_eq!(heard.recv(&mut buffer).unwrap(), "STOPPING=1".len());
        Supervisor::of(None, Some("1")).unwrap().tell_stopping();
        Supervisor::of(Some(""), None).unwrap().tell_stopping();
        assert!(Supervisor::of(Some("/no/such/socket"), None).is_err());
    }
}
