//! The rows of a state, shared between the images of it: a clone costs a pointer for every [`SHARD_ROWS_MAX`] rows or so, and
//! only what is written afterwards is copied. Images are taken all the time: at every flush, snapshot and start.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use registry::{Change, Key, KeyRange, Row, View, ViewError};

/// Rows of a shard before it is split.
const SHARD_ROWS_MAX: usize = 64;

/// A run of neighbouring rows, by their encoded keys.
type Shard = BTreeMap<Arc<[u8]>, Arc<(Key, Row)>>;

/// The rows in key order; each shard under the lowest key that it may hold.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    shards: BTreeMap<Arc<[u8]>, Arc<Shard>>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { shards: BTreeMap::from([(Arc::default(), Arc::default())]) }
    }
}

impl Rows {
    /// Writes the changes of one entry.
    pub(crate) fn write(&mut self, changes: &[Change]) {
        for (key, row) in changes {
            let bytes: Arc<[u8]> = key.encode().into();
            let below = (Bound::<&[u8]>::Unbounded, Bound::Included(&*bytes));
            let (_, shard) =
                self.shards.range_mut::<[u8], _>(below).next_back().expect("the first shard begins before all keys");
            let shard = Arc::make_mut(shard);
            match row {
                Some(row) => shard.insert(bytes, Arc::new((key.clone(), row.clone()))),
                None => shard.remove(&bytes),
            };
            if shard.len() > SHARD_ROWS_MAX {
                let middle = shard.keys().nth(SHARD_ROWS_MAX / 2).expect("the shard is full").clone();
                let upper = shard.split_off(&middle);
                self.shards.insert(middle, Arc::new(upper));
            }
        }
    }

    fn shard(&self, key: &[u8]) -> &Shard {
        let below = (Bound::<&[u8]>::Unbounded, Bound::Included(key));
        self.shards.range::<[u8], _>(below).next_back().expect("the first shard begins before all keys").1
    }
}

impl View for Rows {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        let bytes = key.encode();
        Ok(self.shard(&bytes).get(bytes.as_slice()).map(|row| row.1.clone()))
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        if range.start >= range.end {
            return Ok(());
        }
        let rows = (Bound::Included(range.start.as_slice()), Bound::Excluded(range.end.as_slice()));
        let below = (Bound::<&[u8]>::Unbounded, Bound::Included(range.start.as_slice()));
        let first = self.shards.range::<[u8], _>(below).next_back().expect("the first shard begins before all keys").0;
        let shards = (Bound::Included(&**first), Bound::Excluded(range.end.as_slice()));
        let mut shards = self.shards.range::<[u8], _>(shards);
        while let Some((_, shard)) = if range.reverse { shards.next_back() } else { shards.next() } {
            let mut rows = shard.range::<[u8], _>(rows);
            while let Some((_, row)) = if range.reverse { rows.next_back() } else { rows.next() } {
                if visit(row.0.clone(), row.1.clone()).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The rows are what the product's view in memory would hold, through splits, removals and clones.
#[test]
fn rows_are_those_of_the_plain_view() {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use registry::{LogIndex, MemoryView, RequestId};

    let mut random = StdRng::seed_from_u64(5);
    let (mut rows, mut plain) = (Rows::default(), MemoryView::default());
    let mut earlier = (rows.clone(), plain.clone());
    #[allow(clippy::type_complexity, reason = "two kinds of views, seen through one closure")]
    let all = |view: &dyn Fn(&KeyRange, &mut dyn FnMut(Key, Row) -> ControlFlow<()>), reverse: bool| {
        let range = KeyRange { start: vec![0], end: vec![0xff], reverse };
        let mut seen = Vec::new();
        view(&range, &mut |key, row| {
            seen.push((key, row));
            if seen.len() < 700 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        seen
    };
    for step in 0..4_000_u64 {
        let key = Key::RequestAge(LogIndex(random.random_range(0..900)));
        let row = random.random_bool(0.7).then(|| Row::RequestAge(RequestId(step.to_string())));
        rows.write(&[(key.clone(), row.clone())]);
        plain.write(&[(key.clone(), row)]);
        assert_eq!(rows.get(&key), plain.get(&key));
        if step == 2_000 {
            earlier = (rows.clone(), plain.clone());
        }
    }
    assert!(rows.shards.len() > 8, "{} shards", rows.shards.len());
    for (rows, plain) in [(&rows, &plain), (&earlier.0, &earlier.1)] {
        for reverse in [false, true] {
            let of_rows = all(&|range, visit| rows.scan(range, visit).expect("memory answers"), reverse);
            let of_plain = all(&|range, visit| plain.scan(range, visit).expect("memory answers"), reverse);
            assert!(of_rows.len() > 400);
            assert_eq!(of_rows, of_plain);
        }
    }
}
