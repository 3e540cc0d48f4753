//! Connections that a node must survive: those that say nothing, speak too slowly, do not listen, or are too many; and how a
//! node that stops sends them away.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::{Cluster, PATIENCE, wait_for};

/// Far above the limits of these tests, and far below the patience of a client.
const LATE: Duration = Duration::from_secs(20);

/// A node of one, with little patience.
fn node(count_max: usize) -> Cluster {
    let mut cluster = Cluster::prepared(1);
    let connections = &mut cluster.nodes[0].config.connections;
    connections.count_max = count_max;
    connections.head_ms_max = 1_000;
    connections.idle_ms_max = 60_000;
    connections.write_ms_max = 1_000;
    start(&mut cluster);
    cluster
}

fn start(cluster: &mut Cluster) {
    cluster.node(1).start(true);
    cluster.nodes[0].wait_ready();
}

fn connect(cluster: &Cluster) -> TcpStream {
    let stream = TcpStream::connect(&cluster.nodes[0].config.http.listen).unwrap();
    stream.set_read_timeout(Some(LATE)).unwrap();
    stream.set_write_timeout(Some(LATE)).unwrap();
    stream
}

/// Waits until the node closes the connection; returns how long that took.
fn closed(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut rest = [0; 4096];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return begun.elapsed(),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return begun.elapsed(),
            Err(error) => panic!("the connection is still open after {:?}: {error}", begun.elapsed()),
        }
    }
}

/// The value of a metric, by the beginning of its line.
fn figure(cluster: &Cluster, name: &str) -> u64 {
    let text = cluster.ask(1, "GET", "/metrics", None).body;
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn silent_connections_beyond_every_place_keep_nobody_from_asking() {
    let cluster = node(64);
    // A request that takes long is not disturbed: events are watched all the while.
    let mut watch = connect(&cluster);
    watch.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut head = [0; 15];
    watch.read_exact(&mut head).unwrap();
    assert!(head.ends_with(b"200 OK"), "{:?}", String::from_utf8_lossy(&head));

    let silent: Vec<_> = (0..300).map(|_| connect(&cluster)).collect();
    for number in 0..5 {
        let answer = cluster.register(1, &format!("s{number}"), "Known");
        assert_eq!(answer.status, 200);
    }
    assert!(figure(&cluster, "schemareg_connections{listener=\"http\"}") <= 64);
    // Those that waited for a second were closed for that.
    let closed = |cause: &str| {
        figure(&cluster, &format!("schemareg_connections_closed_total{{listener=\"http\",cause=\"{cause}\"}}"))
    };
    assert!(closed("crowded") + closed("head") >= 300 - 64 && closed("crowded") > 0);
    drop(silent);
    // The watcher hears of what was registered.
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("s4") {
        let mut part = [0; 4096];
        let count = watch.read(&mut part).unwrap();
        assert_ne!(count, 0, "the watch was cut: {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&part[..count]);
    }
}

#[test]
fn whoever_says_nothing_or_speaks_too_slowly_is_cut_off() {
    let cluster = node(64);
    let mut silent = connect(&cluster);
    assert!(closed(&mut silent) < LATE);

    let mut slow = connect(&cluster);
    let begun = Instant::now();
    let mut cut = false;
    slow.write_all(b"GET /subjects HTTP/1.1\r\nhost: x\r\n").unwrap();
    while begun.elapsed() < LATE && !cut {
        cut = slow.write_all(b"x-slow: 1\r\n").is_err();
        std::thread::park_timeout(Duration::from_millis(100));
    }
    assert!(cut, "a head of one line after the other was taken for {:?}", begun.elapsed());

    // A connection that was of use, and on which the next head does not come.
    let mut second = connect(&cluster);
    second.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGET /livez HTT").unwrap();
    second.write_all(b"P").unwrap();
    let mut first = [0; 12];
    second.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    assert!(figure(&cluster, "schemareg_connections_closed_total{listener=\"http\",cause=\"head\"}") >= 2);
}

#[test]
fn whoever_does_not_take_an_answer_is_cut_off() {
    let cluster = node(64);
    let mut deaf = connect(&cluster);
    // Answers far beyond what the buffers of both sides hold, asked for and never read.
    let begun = Instant::now();
    let request = b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(64);
    while deaf.write_all(&request).is_ok() {
        assert!(begun.elapsed() < LATE, "it is still listened to after {:?}", begun.elapsed());
    }
    wait_for("the slow reader to be counted", || {
        figure(&cluster, "schemareg_connections_closed_total{listener=\"http\",cause=\"write\"}") == 1
    });
}

#[test]
fn a_node_that_stops_says_so_before_it_closes() {
    let mut cluster = Cluster::prepared(1);
    cluster.nodes[0].config.http.drain_ms = 3_000;
    start(&mut cluster);
    let ask = |stream: &mut TcpStream, path: &str| {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
        let (mut answer, mut part) = (Vec::new(), [0; 65_536]);
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let count = stream.read(&mut part).unwrap();
            assert_ne!(count, 0, "closed before the answer to {path}");
            answer.extend_from_slice(&part[..count]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    let (mut early, mut idle) = (connect(&cluster), connect(&cluster));
    assert!(!ask(&mut early, "/subjects").contains("connection: close"));
    assert!(ask(&mut idle, "/livez").starts_with("HTTP/1.1 200"));
    cluster.nodes[0].tell_to_stop();
    wait_for("the probe to say so", || {
        let answer = cluster.ask(1, "GET", "/readyz", None);
        answer.status == 503 && answer.body.contains("draining")
    });
    // Old and new connections are served, and asked to go.
    let answer = ask(&mut early, "/subjects");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert!(closed(&mut early) < PATIENCE);
    let answer = ask(&mut connect(&cluster), "/subjects");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    // At the end whoever rests is let go, and nobody can connect any more.
    assert!(closed(&mut idle) < PATIENCE);
    cluster.node(1).stop();
    assert!(TcpStream::connect(&cluster.nodes[0].config.http.listen).is_err());
}

/// A disk below its reserve: nothing is written, everything is read, and who asks is told.
#[test]
fn a_disk_below_its_reserve_is_read_and_not_written() {
    let mut cluster = Cluster::prepared(1);
    start(&mut cluster);
    cluster.register(1, "s", "Kept");
    cluster.node(1).stop();
    // No disk has so much left.
    cluster.nodes[0].config.disk.reserve_bytes = u64::MAX / 4;
    cluster.node(1).start(false);
    cluster.nodes[0].wait_ready();
    wait_for("the disk to be looked at", || figure(&cluster, "schemareg_disk_full") == 1);
    let schema = r#"{"schema":"\"long\""}"#;
    let refused = cluster.ask(1, "POST", "/subjects/other/versions", Some(schema));
    assert_eq!(refused.status, 507, "{refused:?}");
    assert!(refused.body.contains("50701") && refused.body.contains("Free space"), "{refused:?}");
    assert_eq!(cluster.ask(1, "GET", "/subjects/s/versions/1", None).status, 200);
    let ready = cluster.ask(1, "GET", "/readyz", None);
    assert!(ready.status == 200 && ready.body.contains("no writes are taken"), "{ready:?}");
    cluster.node(1).stop();
    cluster.nodes[0].config.disk.reserve_bytes = 1;
    cluster.node(1).start(false);
    cluster.nodes[0].wait_ready();
    cluster.register(1, "other", "Again");
}
