//! Fail-over: how long after a SIGKILL of the leader the next write is acknowledged.

use std::process::Command;
use std::time::{Duration, Instant};

use client::NewSchema;

use crate::bare_client;

/// A write that has not succeeded after this long counts as that long.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest wait for one attempt: what hangs is tried again, as a client would.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(1);

/// Kills the leader `kills` times through `cluster.sh` and measures each time until a survivor acknowledges a write.
///
/// # Errors
/// A text if the cluster cannot be driven.
pub async fn measure_failovers(
    script: &str,
    arguments: &[String],
    base: u16,
    kills: usize,
) -> Result<Vec<Duration>, String> {
    let mut times = Vec::new();
    for kill in 0..kills {
        let leader: u16 = run_script(script, "leader", None, arguments)?.trim().parse().map_err(|_| "no leader")?;
        let survivor = format!("http://127.0.0.1:{}", base + leader % 3 + 1);
        let registry = bare_client(&survivor, ATTEMPT_TIME_MAX).map_err(|error| error.to_string())?;
        let killed = Instant::now();
        run_script(script, "kill", Some(leader), arguments)?;
        let mut attempt = 0;
        while killed.elapsed() < WAIT_MAX {
            attempt += 1;
            let new = NewSchema::avro(crate::load::schema_text(u64::from(u16::MAX) + kill as u64));
            if registry.register(&format!("failover-{kill}"), &new).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times.push(killed.elapsed());
        println!("kill {kill}: node {leader}, {} ms, {attempt} attempts", killed.elapsed().as_millis());
        run_script(script, "start", Some(leader), arguments)?;
        run_script(script, "up", None, arguments)?;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    Ok(times)
}

fn run_script(script: &str, command: &str, node: Option<u16>, arguments: &[String]) -> Result<String, String> {
    let mut call = Command::new(script);
    call.arg(command).args(node.map(|node| node.to_string())).args(arguments);
    let output = call.output().map_err(|error| format!("{script} {command}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{script} {command}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
