//! Names, addresses and command lines of a mesh of namespaces: decided here, carried out elsewhere.

use std::net::Ipv4Addr;

/// A network 10.second.third.0/24 and everything in it. Names carry the network, so no two meshes share one, and those of
/// namespaces the process that made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) process: u32,
    pub(super) second: u8,
    pub(super) third: u8,
}

/// The interface of a node in its namespace.
pub(super) const INSIDE: &str = "eth0";
/// Rules that drop come before the rule that delivers to this host, which by default comes first of all.
const DROP_PREFERENCE: &str = "10";
const LOCAL_PREFERENCE: &str = "100";
/// A thin line lets as much pass at once: a few packets.
const BURST_BYTES: u64 = 6_000;
/// What waits longer than this behind a thin line is dropped.
const WAIT_MAX: &str = "400ms";

/// Something in the way of packets, that can be taken away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// The receiver drops what comes from the sender.
    Dropped { from: u64, to: u64 },
    /// The sender has no route to the receiver.
    Unrouted { from: u64, to: u64 },
    /// The cable is pulled out of the bridge.
    Unplugged(u64),
    /// The bridge carries nothing between ports that are isolated; all others are reached.
    Isolated(u64),
    /// A thin line, both ways.
    Thin { node: u64, bytes_per_second: u64 },
}

/// One command line.
pub(super) type Line = Vec<String>;

fn to_line(text: &str) -> Line {
    text.split_whitespace().map(str::to_owned).collect()
}

impl Layout {
    pub(super) fn bridge_name(self) -> String {
        format!("jt-{}-{}", self.second, self.third)
    }

    /// The end of a node's cable at the bridge.
    pub(super) fn port_name(self, node: u64) -> String {
        format!("{}-v{node}", self.bridge_name())
    }

    pub(super) fn namespace_name(self, node: u64) -> String {
        format!("{}-n{node}-{}", self.bridge_name(), self.process)
    }

    pub(super) fn address(self, node: u64) -> Ipv4Addr {
        Ipv4Addr::new(10, self.second, self.third, u8::try_from(node).expect("a cluster has few nodes"))
    }

    /// The clients' address: that of the bridge.
    fn outside_address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.second, self.third, 254)
    }

    /// The first step, which fails if another mesh has this network.
    pub(super) fn claim(self) -> Line {
        to_line(&format!("ip link add {} type bridge", self.bridge_name()))
    }

    /// Then this, once.
    pub(super) fn raise_bridge(self) -> Vec<Line> {
        let (bridge, outside) = (self.bridge_name(), self.outside_address());
        vec![to_line(&format!("ip addr add {outside}/24 dev {bridge}")), to_line(&format!("ip link set {bridge} up"))]
    }

    /// Then this for every node; the first makes the namespace.
    pub(super) fn raise_node(self, node: u64) -> Vec<Line> {
        let (bridge, port, namespace) = (self.bridge_name(), self.port_name(node), self.namespace_name(node));
        let inside = self.address_inside(node);
        vec![
            to_line(&format!("ip netns add {namespace}")),
            to_line(&format!("ip link add {port} type veth peer name {INSIDE} netns {namespace}")),
            to_line(&format!("ip link set {port} master {bridge} up")),
            to_line(&format!("{inside} addr add {}/24 dev {INSIDE}", self.address(node))),
            to_line(&format!("{inside} link set {INSIDE} up")),
            to_line(&format!("{inside} link set lo up")),
            to_line(&format!("{inside} rule add pref {LOCAL_PREFERENCE} lookup local")),
            to_line(&format!("{inside} rule del pref 0")),
            // A node is no router: what it drops, it drops silently, and counts as such.
            [
                to_line(&format!("ip netns exec {namespace} sh -c")),
                vec!["echo 0 > /proc/sys/net/ipv4/ip_forward".to_owned()],
            ]
            .concat(),
        ]
    }

    /// What removes a node's part.
    pub(super) fn remove_node(self, node: u64) -> Vec<Line> {
        vec![
            to_line(&format!("ip link del {}", self.port_name(node))),
            to_line(&format!("ip netns del {}", self.namespace_name(node))),
        ]
    }

    pub(super) fn remove_bridge(self) -> Line {
        to_line(&format!("ip link del {}", self.bridge_name()))
    }

    /// What puts an obstacle up.
    pub(super) fn lines_to_put(self, obstacle: Obstacle) -> Vec<Line> {
        match obstacle {
            Obstacle::Dropped { .. } | Obstacle::Unrouted { .. } => vec![self.hinder_line("add", obstacle)],
            Obstacle::Unplugged(node) => vec![to_line(&format!("ip link set {} down", self.port_name(node)))],
            Obstacle::Isolated(node) => {
                vec![to_line(&format!("bridge link set dev {} isolated on", self.port_name(node)))]
            }
            Obstacle::Thin { node, bytes_per_second } => {
                let bits = bytes_per_second * 8;
                let shape = format!("root tbf rate {bits}bit burst {BURST_BYTES} latency {WAIT_MAX}");
                let ends = self.cable_ends(node);
                ends.iter().map(|(tc, device)| to_line(&format!("{tc} qdisc add dev {device} {shape}"))).collect()
            }
        }
    }

    /// What takes it away.
    pub(super) fn lines_to_take(self, obstacle: Obstacle) -> Vec<Line> {
        match obstacle {
            Obstacle::Dropped { .. } | Obstacle::Unrouted { .. } => vec![self.hinder_line("del", obstacle)],
            Obstacle::Unplugged(node) => vec![to_line(&format!("ip link set {} up", self.port_name(node)))],
            Obstacle::Isolated(node) => {
                vec![to_line(&format!("bridge link set dev {} isolated off", self.port_name(node)))]
            }
            Obstacle::Thin { node, .. } => {
                let ends = self.cable_ends(node);
                ends.iter().map(|(tc, device)| to_line(&format!("{tc} qdisc del dev {device} root"))).collect()
            }
        }
    }

    fn hinder_line(self, verb: &str, obstacle: Obstacle) -> Line {
        match obstacle {
            Obstacle::Dropped { from, to } => {
                let (inside, from) = (self.address_inside(to), self.address(from));
                to_line(&format!("{inside} rule {verb} pref {DROP_PREFERENCE} from {from} blackhole"))
            }
            Obstacle::Unrouted { from, to } => {
                // Not "unreachable" or "blackhole": the kernel does not count connections that fail by those.
                to_line(&format!("{} route {verb} throw {}/32", self.address_inside(from), self.address(to)))
            }
            Obstacle::Unplugged(_) | Obstacle::Isolated(_) | Obstacle::Thin { .. } => Vec::new(),
        }
    }

    /// `tc` and the device at both ends of a node's cable.
    pub(super) fn cable_ends(self, node: u64) -> [(String, String); 2] {
        [(format!("tc -n {}", self.namespace_name(node)), INSIDE.to_owned()), ("tc".to_owned(), self.port_name(node))]
    }

    /// `ss` that kills what node `one` has established with `other`, and prints each.
    pub(super) fn reset_line(self, one: u64, other: u64) -> Line {
        let (namespace, other) = (self.namespace_name(one), self.address(other));
        to_line(&format!("ip netns exec {namespace} ss -HtK state established dst {other}"))
    }

    pub(super) fn counters_line(self, node: u64) -> Line {
        to_line(&format!("ip netns exec {} cat /proc/net/snmp", self.namespace_name(node)))
    }

    /// What comes before a command that runs in a node's namespace.
    pub(super) fn launcher_line(self, node: u64) -> Line {
        to_line(&format!("ip netns exec {}", self.namespace_name(node)))
    }

    fn address_inside(self, node: u64) -> String {
        format!("ip -n {}", self.namespace_name(node))
    }

    /// Does a route of `ip -4 route show table all` lead into this network?
    pub(super) fn is_taken(self, routes: &str) -> bool {
        let first = u32::from(Ipv4Addr::new(10, self.second, self.third, 0));
        let destination = |route: &str| route.split_whitespace().find_map(network_prefix);
        routes.lines().filter_map(destination).any(|(address, length)| {
            let bits = length.min(24);
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            bits > 0 && address & mask == first & mask
        })
    }
}

/// An address with or without a length.
fn network_prefix(word: &str) -> Option<(u32, u32)> {
    let (address, length) = word.split_once('/').unwrap_or((word, "32"));
    Some((u32::from(address.parse::<Ipv4Addr>().ok()?), length.parse().ok().filter(|length| *length <= 32)?))
}

/// The packets that a kernel dropped by rule, and those for which it had no route, from `/proc/net/snmp`.
///
/// A packet that a rule drops on its way in counts as one with a bad address; nothing else does, in a namespace without
/// forwarding in which every packet is for the node.
pub(super) fn dropped_and_unrouted(snmp: &str) -> Option<(u64, u64)> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let figure = |wanted: &str| {
        let place = names.split_whitespace().position(|name| name == wanted)?;
        values.split_whitespace().nth(place)?.parse().ok()
    };
    Some((figure("InAddrErrors")?, figure("OutNoRoutes")?))
}

/// Packets that had to wait, of `tc -s qdisc show`.
pub(super) fn count_queued(qdiscs: &str) -> u64 {
    let mut words = qdiscs.split_whitespace();
    let mut sum = 0;
    while words.any(|word| word == "overlimits") {
        sum += words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { process: 4_194_304, second: 254, third: 255 };

    #[test]
    fn names_fit_the_kernel() {
        // An interface has 15 bytes at most.
        assert_eq!(LAYOUT.port_name(9), "jt-254-255-v9");
        assert!(LAYOUT.port_name(9).len() <= 15);
        assert_eq!(LAYOUT.namespace_name(9), "jt-254-255-n9-4194304");
    }

    #[test]
    fn a_one_way_cut_touches_one_namespace_and_names_the_other() {
        let joined = |lines: Vec<Line>| lines.iter().map(|line| line.join(" ")).collect::<Vec<_>>();
        let dropped = Obstacle::Dropped { from: 1, to: 2 };
        let at_the_receiver = "rule add pref 10 from 10.254.255.1 blackhole";
        assert_eq!(joined(LAYOUT.lines_to_put(dropped)), [format!("ip -n jt-254-255-n2-4194304 {at_the_receiver}")]);
        let unrouted = Obstacle::Unrouted { from: 1, to: 2 };
        let at_the_sender = "ip -n jt-254-255-n1-4194304 route del throw 10.254.255.2/32";
        assert_eq!(joined(LAYOUT.lines_to_take(unrouted)), [at_the_sender]);
    }

    #[test]
    fn a_network_that_a_route_leads_to_is_taken() {
        let taken = |routes: &str| LAYOUT.is_taken(routes);
        assert!(!taken("default via 192.0.2.1 dev eth0\nlocal 127.0.0.0/8 dev lo\n10.254.254.0/24 dev other"));
        assert!(taken("10.254.255.0/24 dev jt-254-255 proto kernel scope link src 10.254.255.254"));
        assert!(taken("local 10.254.255.7 dev x table local"));
        assert!(taken("default via 192.0.2.1\n10.0.0.0/8 via 192.0.2.9"));
        assert!(!taken("0.0.0.0/0 via 192.0.2.1"));
    }

    #[test]
    fn counters_are_read() {
        let snmp = "Ip: Forwarding InAddrErrors OutNoRoutes\nIp: 2 5 11\nIcmp: InMsgs\nIcmp: 0\n";
        assert_eq!(dropped_and_unrouted(snmp), Some((5, 11)));
        assert_eq!(dropped_and_unrouted("Ip: Forwarding\nIp: 2\n"), None);
        let qdiscs = "qdisc tbf 8001: root\n Sent 9 bytes 1 pkt (dropped 0, overlimits 7 requeues 0)\n";
        assert_eq!(count_queued(&qdiscs.repeat(2)), 14);
        assert_eq!(count_queued("qdisc noqueue 0: root"), 0);
    }
}
