//! Which node is asked: own region first, then the one that is in use, then the nearest by measurement; nodes that failed
//! are left alone for a while. Pure: the moment is handed in.

use std::time::{Duration, Instant};

/// How long a node is left alone after its first failure; doubled with each further one.
const REST: Duration = Duration::from_millis(500);
/// The longest rest: a node that came back is found again within this time.
const REST_MAX: Duration = Duration::from_secs(15);
/// Weight of a new round-trip time in the running mean.
const NEW_WEIGHT: f64 = 0.3;

/// What is known of one node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Its base URL, without a slash at the end.
    pub(crate) url: String,
    /// Its region: as configured, or as its answers say.
    pub(crate) region: Option<String>,
    /// The running mean of its round-trip times, in milliseconds.
    pub(crate) round_trip_ms: Option<f64>,
    /// Failures since its last answer.
    pub(crate) failures: u32,
    /// Not to be asked before this moment, if another node is there.
    pub(crate) resting_until: Option<Instant>,
}

impl Node {
    /// A node of which only the URL, and perhaps the region, is known.
    pub(crate) fn new(url: String, region: Option<String>) -> Self {
        Self { url, region, round_trip_ms: None, failures: 0, resting_until: None }
    }
}

/// The nodes of a cluster as one client knows them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nodes {
    all: Vec<Node>,
    own_region: Option<String>,
    /// The node that answered last.
    current: Option<usize>,
}

impl Nodes {
    /// These nodes, nearest first.
    pub(crate) fn new(all: Vec<Node>, own_region: Option<String>) -> Self {
        Self { all, own_region, current: None }
    }

    /// All nodes.
    pub(crate) fn all(&self) -> &[Node] {
        &self.all
    }

    /// Positions in the order in which they should be asked. All of them are in it: where everything rests, the one
    /// whose rest ends first is asked.
    pub(crate) fn order_by_health(&self, now: Instant) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_by(|a, b| {
            let (first, second) = (&self.all[*a], &self.all[*b]);
            let rest = |node: &Node| node.resting_until.filter(|until| *until > now);
            let abroad = |node: &Node| self.own_region.is_some() && node.region != self.own_region;
            rest(first)
                .cmp(&rest(second))
                .then_with(|| abroad(first).cmp(&abroad(second)))
                .then_with(|| (self.current != Some(*a)).cmp(&(self.current != Some(*b))))
                .then_with(|| {
                    // A node that was never measured stands where it was configured.
                    match (first.round_trip_ms, second.round_trip_ms) {
                        (Some(first), Some(second)) => first.total_cmp(&second),
                        _ => std::cmp::Ordering::Equal,
                    }
                })
                .then_with(|| a.cmp(b))
        });
        order
    }

    /// A node answered, after so long; it may have said what region it is in.
    pub(crate) fn note_answer(&mut self, position: usize, took: Duration, region: Option<&str>, in_use: bool) {
        let Some(node) = self.all.get_mut(position) else { return };
        let took_ms = took.as_secs_f64() * 1e3;
        node.round_trip_ms =
            Some(node.round_trip_ms.map_or(took_ms, |mean| mean * (1.0 - NEW_WEIGHT) + took_ms * NEW_WEIGHT));
        node.failures = 0;
        node.resting_until = None;
        if let Some(region) = region.filter(|region| !region.is_empty()) {
            node.region = Some(region.to_owned());
        }
        if in_use {
            self.current = Some(position);
        }
    }

    /// A node failed; it may have said how long it wants to be left alone.
    pub(crate) fn note_failure(&mut self, position: usize, now: Instant, retry_after: Option<Duration>) {
        let Some(node) = self.all.get_mut(position) else { return };
        let rest = REST.saturating_mul(1 << node.failures.min(10)).min(REST_MAX);
        node.failures = node.failures.saturating_add(1);
        node.resting_until = Some(now + rest.max(retry_after.unwrap_or_default().min(REST_MAX)));
        if self.current == Some(position) {
            self.current = None;
        }
    }

    /// Adds nodes that are not known yet.
    pub(crate) fn learn_nodes(&mut self, found: impl IntoIterator<Item = Node>) {
        for node in found {
            match self.all.iter_mut().find(|known| known.url == node.url) {
                Some(known) => known.region = known.region.take().or(node.region),
                None => self.all.push(node),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nodes(own_region: Option<&str>) -> Nodes {
        let regions = ["eu", "us", "eu"];
        let all = regions.iter().enumerate().map(|(i, region)| Node::new(format!("n{i}"), Some((*region).to_owned())));
        Nodes::new(all.collect(), own_region.map(ToOwned::to_owned))
    }

    fn rests(nodes: &Nodes, position: usize, now: Instant) -> bool {
        nodes.all()[position].resting_until.is_some_and(|until| until > now)
    }

    #[test]
    fn the_order_of_the_configuration_holds_until_something_is_known() {
        assert_eq!(nodes(None).order_by_health(Instant::now()), [0, 1, 2]);
        assert_eq!(nodes(Some("us")).order_by_health(Instant::now()), [1, 0, 2]);
    }

    #[test]
    fn the_own_region_wins_over_the_nearest_and_the_one_in_use_over_a_slightly_nearer_one() {
        let mut nodes = nodes(Some("eu"));
        nodes.note_answer(1, Duration::from_millis(1), None, true);
        nodes.note_answer(2, Duration::from_millis(5), None, false);
        nodes.note_answer(0, Duration::from_millis(9), None, false);
        assert_eq!(nodes.order_by_health(Instant::now()), [2, 0, 1]);
        nodes.note_answer(0, Duration::from_millis(9), None, true);
        assert_eq!(nodes.order_by_health(Instant::now()), [0, 2, 1]);
    }

    #[test]
    fn a_node_that_failed_is_left_and_found_again() {
        let mut nodes = nodes(Some("eu"));
        let now = Instant::now();
        nodes.note_answer(0, Duration::from_millis(1), None, true);
        nodes.note_failure(0, now, None);
        assert_eq!(nodes.order_by_health(now), [2, 1, 0]);
        // It is asked again when its rest is over, since its region is the own one.
        assert_eq!(nodes.order_by_health(now + REST)[0], 0);
        nodes.note_failure(0, now, Some(Duration::from_secs(9)));
        assert_ne!(nodes.order_by_health(now + Duration::from_secs(8))[0], 0);
    }

    proptest! {
        /// Whatever happened, the order has every node once, no resting node before a rested one, and a rest ends.
        #[test]
        fn every_node_is_in_the_order_once(steps in prop::collection::vec((0usize..3, 0u64..50, any::<bool>()), 0..40)) {
            let mut nodes = nodes(Some("eu"));
            let mut now = Instant::now();
            for (position, ms, good) in steps {
                now += Duration::from_millis(ms);
                if good {
                    nodes.note_answer(position, Duration::from_millis(ms), None, true);
                } else {
                    nodes.note_failure(position, now, None);
                }
                let order = nodes.order_by_health(now);
                let mut sorted = order.clone();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, vec![0, 1, 2]);
                let rests: Vec<bool> = order.iter().map(|position| rests(&nodes, *position, now)).collect();
                prop_assert!(rests.is_sorted());
            }
            prop_assert!((0..3).all(|position| !rests(&nodes, position, now + REST_MAX)));
        }
    }
}
