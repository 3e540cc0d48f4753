//! Measures fail-over: from the kill of the leader to the next acknowledged write through another node.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::Parser;
use jepsen_tests::client::{Http, Outcome};
use jepsen_tests::cluster::{Cluster, Spec, region};
use jepsen_tests::drill::run::commit_id;
use jepsen_tests::net::Cut;
use jepsen_tests::schemas::{Format, unique};
use jepsen_tests::seed;

/// Kills leaders one after the other and prints the times.
#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long, default_value_t = 50)]
    kills: u64,
    /// Timing profile; with "wan" every two regions are 150 ms apart.
    #[arg(long, default_value = "lan")]
    profile: String,
    /// The machine is gone and not only its process: the leader is cut off before it is killed, so nobody is refused.
    #[arg(long)]
    vanish: bool,
}

/// One way between regions under "wan": half of 150 ms.
const WAN_DELAY_MS: u64 = 75;
/// An attempt that takes longer is given up for the next: a client would do the same.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments = Arguments::parse();
    let (seed, mut random) = seed::generator("failover");
    let far = arguments.profile != "lan";
    let spec = Spec::of(3).profile(&arguments.profile);
    let mut cluster = Cluster::start(if far || arguments.vanish { spec.linked() } else { spec }).await;
    cluster.api(1).allow_everything().await;
    if far {
        assert_eq!([1, 2, 3].map(region).iter().collect::<BTreeSet<_>>().len(), 3, "three regions");
        set_wan_delays(&cluster);
    }
    let http = Http::patient(ATTEMPT_MAX);
    let mut times = Vec::new();
    let mut number = 0;
    for _ in 0..arguments.kills {
        let leader = cluster.leader().await;
        let rest: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != leader).collect();
        let begun = Instant::now();
        if arguments.vanish {
            cluster.mesh().partition(&[leader], &rest, Cut::Swallowed);
        }
        cluster.kill(leader);
        let mut attempt = 0;
        loop {
            number += 1;
            attempt += 1;
            let content = unique(Format::Avro, number, &mut random);
            let api = cluster.api_of(&http, 0, rest[attempt % rest.len()]);
            if let Outcome::Done(_) = api.register("failover", &content).outcome().await {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no write in a minute");
        }
        let took = begun.elapsed();
        println!("leader {leader} killed: {} ms, {attempt} attempts", took.as_millis());
        times.push(took);
        if arguments.vanish {
            cluster.mesh().heal();
            if far {
                set_wan_delays(&cluster);
            }
        }
        cluster.restart(leader).await;
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_millis();
    println!(
        "{} leader kills, profile {}{}, commit {}, seed {seed}: p50 {} ms, p90 {} ms, p99 {} ms, max {} ms",
        times.len(),
        arguments.profile,
        if arguments.vanish { ", the machine gone" } else { "" },
        commit_id(),
        at(50),
        at(90),
        at(99),
        times[times.len() - 1].as_millis()
    );
}

/// Every two nodes are a wide area apart.
fn set_wan_delays(cluster: &Cluster) {
    for (one, other) in [(1, 2), (1, 3), (2, 3)] {
        cluster.mesh().proxies().delay(one, other, WAN_DELAY_MS, 0);
    }
}
