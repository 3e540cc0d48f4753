//! One node's process: started, signalled, awaited. Only processes that were started here are ever signalled.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A signal that a drill sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stop in good order.
    Terminate,
    /// Freeze.
    Pause,
    /// Go on.
    Resume,
}

/// A running, or just ended, process.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts the binary through `launcher`, which must replace itself by it; its output is appended to `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(
        launcher: &[String],
        binary: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
        log: &Path,
    ) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("open a node's log");
        let error_log = log.try_clone().expect("share a node's log");
        let mut command = match launcher.split_first() {
            Some((program, rest)) => {
                let mut command = Command::new(program);
                command.args(rest).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command.args(arguments).stdin(Stdio::null()).stdout(log).stderr(error_log);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REGISTRY__")) {
            command.env_remove(name);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().unwrap_or_else(|error| panic!("start {}: {error}", binary.display()));
        Self { child }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("ask after a child")
    }

    /// SIGKILL, without waiting.
    pub fn kill_only(&mut self) {
        drop(self.child.kill());
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If it does not run any more.
    pub fn send_signal(&mut self, signal: Signal) {
        assert!(self.exit_status().is_none(), "a process that has ended takes no signal");
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Pause => "STOP",
            Signal::Resume => "CONT",
        };
        // The shell's own `kill`: no unsafe code and no crate for one system call.
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {}", self.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()), "send SIG{name}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
