//! What each obstacle does to connections between two namespaces, and that nothing is left behind.
//!
//! Both ends of a connection are processes: this test program again, told by its environment to be one. Without root the
//! tests say loudly that they were skipped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Namespaces, possible, run_line};
use crate::net::{Cut, Mesh};

const PORT: u16 = 7_000;
/// In this time something comes if it can come at all on a quiet link.
const QUIET: Duration = Duration::from_millis(500);
/// What was held back by a cut comes when TCP sends it again, each time twice as late.
const LATE: Duration = Duration::from_secs(30);
const END: &str = "JEPSEN_END";

/// Not a test of its own: with the variable set this process is an end of a connection. Every line that it is given it sends,
/// and what it hears it prints.
#[test]
fn acts_as_an_end() {
    let Ok(told) = std::env::var(END) else { return };
    let (role, address) = told.split_once(' ').unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let stream = if role == "listen" {
        let listener = TcpListener::bind(address).unwrap();
        println!("\n=listening");
        listener.accept().unwrap().0
    } else {
        match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) => return println!("\n={:?}", error.kind()),
        }
    };
    stream.set_nodelay(true).unwrap();
    println!("\n=connected");
    let mut sending = stream.try_clone().unwrap();
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = sending.write_all(format!("{line}\n").as_bytes());
        }
        let _ = sending.shutdown(std::net::Shutdown::Both);
    });
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(line)) = lines.next() {
        println!("\n={line}");
    }
    println!("\n=broken");
}

/// An end in a namespace.
struct End {
    child: Child,
    tell: ChildStdin,
    hear: Receiver<String>,
}

impl End {
    fn start(mesh: &Mesh, node: u64, role: &str, at: u64) -> Self {
        let address = SocketAddr::from((mesh.namespaces().address(at), PORT));
        let launcher = mesh.launcher(node);
        let mut command = Command::new(&launcher[0]);
        command.args(&launcher[1..]).arg(std::env::current_exe().unwrap());
        command.args(["net::kernel::tests::acts_as_an_end", "--exact", "--nocapture"]);
        command.env(END, format!("{role} {address}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, hear) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output.by_ref()).lines().map_while(Result::ok) {
                if let Some(told) = line.strip_prefix('=') {
                    let _ = sender.send(told.to_owned());
                }
            }
        });
        Self { child, tell, hear }
    }

    fn say(&mut self, text: &str) {
        writeln!(self.tell, "{text}").unwrap();
    }

    fn hears(&self, text: &str) {
        assert_eq!(self.hear.recv_timeout(LATE).as_deref(), Ok(text));
    }

    fn is_silent(&self) -> bool {
        self.hear.recv_timeout(QUIET).is_err()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An established connection from one node to another, tried both ways.
fn pair(mesh: &Mesh, one: u64, other: u64) -> (End, End) {
    let mut listening = End::start(mesh, other, "listen", other);
    listening.hears("listening");
    let mut connecting = End::start(mesh, one, "connect", other);
    connecting.hears("connected");
    listening.hears("connected");
    connecting.say("there");
    listening.hears("there");
    listening.say("back");
    connecting.hears("back");
    (connecting, listening)
}

/// Namespaces, or a loud word that there are none.
fn mesh(nodes: u64) -> Option<Mesh> {
    match possible() {
        Ok(()) => Some(Mesh::Namespaces(Namespaces::make(nodes).unwrap())),
        Err(reason) => {
            // Not by a macro, whose output the test runner keeps to itself.
            let mut loud = std::io::stderr();
            writeln!(loud, "SKIPPED: no network namespaces here, so nothing was tested: {reason}").unwrap();
            None
        }
    }
}

#[test]
fn a_cut_stops_one_direction_of_an_established_connection_until_it_heals() {
    let Some(mesh) = mesh(2) else { return };
    for cut in mesh.cuts() {
        let (mut one, mut two) = pair(&mesh, 1, 2);
        let before = mesh.figures();
        mesh.cut(1, 2, cut);
        mesh.cut(1, 2, cut);
        one.say("into the cut");
        assert!(two.is_silent(), "{cut:?} stops what 1 sends");
        two.say("against it");
        one.hears("against it");
        let done = mesh.figures().since(before);
        match cut {
            Cut::Dropped => assert!(done.dropped > 0 && done.unrouted == 0, "{done:?}"),
            Cut::Unrouted => assert!(done.unrouted > 0 && done.dropped == 0, "{done:?}"),
            Cut::Held | Cut::Swallowed => panic!("{cut:?} is for proxies"),
        }
        mesh.heal();
        two.hears("into the cut");
        let healed = mesh.figures();
        one.say("again");
        two.hears("again");
        assert_eq!(mesh.figures().since(healed).describe_harm(), None);
    }
}

#[test]
fn nothing_reaches_who_was_unplugged_and_isolated_ones_reach_only_others() {
    let Some(mesh) = mesh(3) else { return };
    let (mut one, mut two) = pair(&mesh, 1, 2);
    mesh.namespaces().unplug(1);
    one.say("out");
    two.say("in");
    assert!(one.is_silent() && two.is_silent());
    mesh.heal();
    two.hears("out");
    one.hears("in");

    let (mut here, mut there) = pair(&mesh, 1, 3);
    mesh.namespaces().isolate(&[1, 2]);
    one.say("from isle to isle");
    assert!(two.is_silent());
    here.say("from the isle");
    there.hears("from the isle");
    there.say("to the isle");
    here.hears("to the isle");
    mesh.heal();
    two.hears("from isle to isle");
}

#[test]
fn connections_are_killed_at_both_ends() {
    let Some(mesh) = mesh(3) else { return };
    let (one, two) = pair(&mesh, 1, 2);
    let (mut other, three) = pair(&mesh, 2, 3);
    mesh.reset(1, 2);
    one.hears("broken");
    two.hears("broken");
    assert!(mesh.figures().broken > 0);
    other.say("untouched");
    three.hears("untouched");
    mesh.refuse(1, 2);
    End::start(&mesh, 1, "connect", 2).hears("NetworkUnreachable");
}

#[test]
fn a_thin_line_takes_time() {
    let Some(mesh) = mesh(2) else { return };
    let (mut one, two) = pair(&mesh, 1, 2);
    mesh.thin(1, &[2], 20_000);
    let begun = Instant::now();
    let long = "x".repeat(40_000);
    one.say(&long);
    two.hears(&long);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(mesh.figures().queued > 0);
    mesh.heal();
    assert!(mesh.figures().queued > 0, "what was counted stays counted");
}

#[test]
fn nothing_is_left_behind_even_after_a_panic() {
    let Some(mesh) = mesh(2) else { return };
    let layout = mesh.namespaces().layout;
    let there = || {
        let [namespaces, links] = [["ip", "netns", "list"].as_slice(), &["ip", "-o", "link"]];
        let told = |line: &[&str]| run_line(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap();
        (told(namespaces) + &told(links)).matches(&format!("{}-", layout.bridge_name())).count()
    };
    assert!(there() >= 4, "two namespaces and two cables");
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        mesh.cut(1, 2, Cut::Dropped);
        mesh.namespaces().unplug(2);
        // As a test fails that has a cluster: with the mesh in its hands.
        let _held = mesh;
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicked.is_err());
    assert_eq!(there(), 0);
    assert!(run_line(&["ip", "link", "show", &layout.bridge_name()].map(str::to_owned)).is_err(), "the bridge is gone");
}
