//! Aggregates of a second, for runs whose records would be too many to keep.

use crate::rows::{ActionRow, MeasureRow, TaskRow};
use crate::schema::WINDOW_NS;

/// Each power of two is cut into so many buckets, as a power of two: what is below is exact, the rest within 1/256.
const BITS: u32 = 7;
/// Nearly ten hours in ns; what takes longer counts as that.
const MOST: u64 = (1 << 45) - 1;

/// The bucket of a duration. `pmplab/workbook/histogram.py` has the same.
#[must_use]
pub fn bucket(duration: i64) -> u32 {
    let clipped = u64::try_from(duration).unwrap_or_default().min(MOST);
    let exponent = (63 - (clipped | 1).leading_zeros()).saturating_sub(BITS);
    (exponent << BITS) + u32::try_from(clipped >> exponent).unwrap_or(u32::MAX)
}

/// Durations of a window.
#[derive(Debug, Default)]
pub struct Times {
    pub sum: i64,
    pub min: i64,
    pub max: i64,
    counts: Vec<u32>,
    /// Buckets that are not 0.
    touched: Vec<u32>,
}

impl Times {
    fn add(&mut self, duration: i64) {
        if self.touched.is_empty() {
            (self.min, self.max) = (duration, duration);
        }
        self.sum = self.sum.saturating_add(duration);
        self.min = self.min.min(duration);
        self.max = self.max.max(duration);
        let bucket = bucket(duration);
        let place = bucket as usize;
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if self.counts[place] == 0 {
            self.touched.push(bucket);
        }
        self.counts[place] += 1;
    }

    /// Pairs of a bucket and its count, each of 32 bits, least byte first, in the order of the buckets. Empties itself.
    pub fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 * self.touched.len());
        self.touched.sort_unstable();
        for bucket in self.touched.drain(..) {
            let count = std::mem::take(&mut self.counts[bucket as usize]);
            bytes.extend_from_slice(&bucket.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        (self.sum, self.min, self.max) = (0, 0, 0);
        bytes
    }
}

/// A second of one node, with one outcome.
#[derive(Debug, Default)]
pub struct Window {
    /// Its number, from the start of the run.
    pub second: i64,
    pub error_type: Option<u32>,
    pub scenario: u32,
    pub node: u32,
    pub component: u32,
    pub call: u32,
    pub class: u8,
    /// By event.
    pub events: [u64; 3],
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub response: Times,
    pub service: Times,
    /// The first that was said.
    pub message: Option<String>,
}

impl Window {
    fn add(&mut self, row: &ActionRow) {
        self.events[usize::from(row.event.min(2))] += 1;
        self.bytes_sent += row.bytes_sent;
        self.bytes_received += row.bytes_received;
        self.response.add(row.t_end - row.t_intended);
        let ready = row.t_intended + row.lease_wait;
        let start = row.t_start.or(row.t_connect).unwrap_or(ready);
        self.service.add(row.t_end - start);
        if self.message.is_none() {
            self.message.clone_from(&row.message);
        }
    }
}

/// Tasks of a second, scenario and exit.
#[derive(Debug, Clone, Copy)]
pub struct End {
    pub second: i64,
    pub scenario: u32,
    pub exit: u32,
    pub state: u32,
    pub count: u64,
    pub sum: i64,
    pub min: i64,
    pub max: i64,
}

/// A measure of a second and node.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub second: i64,
    pub node: u32,
    pub measure: u32,
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
}

/// What is over.
#[derive(Debug, Default)]
pub struct Closed {
    pub windows: Vec<Window>,
    pub ends: Vec<End>,
    pub measured: Vec<Measured>,
}

/// What is not closed yet.
#[derive(Debug, Default)]
pub struct Windows {
    /// By node.
    open: Vec<Vec<Window>>,
    ends: Vec<End>,
    /// By node.
    measured: Vec<Vec<Measured>>,
    /// Emptied windows, for their memory.
    spare: Vec<Window>,
    /// The earliest second that is open.
    first: Option<i64>,
}

fn second(t: i64) -> i64 {
    t.div_euclid(WINDOW_NS)
}

impl Windows {
    pub fn action(&mut self, row: &ActionRow) {
        let second = second(row.t_end);
        let node = row.node as usize;
        if self.open.len() <= node {
            self.open.resize_with(node + 1, Vec::new);
        }
        let known = self.open[node]
            .iter_mut()
            .find(|window| window.second == second && window.error_type == row.error_type);
        if let Some(window) = known {
            window.add(row);
            return;
        }
        let mut window = Window {
            second,
            error_type: row.error_type,
            scenario: row.scenario,
            node: row.node,
            component: row.component,
            call: row.call,
            class: row.class,
            ..self.spare.pop().unwrap_or_default()
        };
        window.add(row);
        self.open[node].push(window);
        self.opened(second);
    }

    pub fn task(&mut self, row: &TaskRow) {
        let second = second(row.t_end);
        let duration = row.t_end - row.t_start;
        let mut known = self.ends.iter_mut().rev();
        match known.find(|end| {
            (end.second, end.scenario, end.exit, end.state)
                == (second, row.scenario, row.exit, row.state)
        }) {
            Some(end) => {
                end.count += 1;
                end.sum = end.sum.saturating_add(duration);
                end.min = end.min.min(duration);
                end.max = end.max.max(duration);
            }
            None => {
                self.ends.push(End {
                    second,
                    scenario: row.scenario,
                    exit: row.exit,
                    state: row.state,
                    count: 1,
                    sum: duration,
                    min: duration,
                    max: duration,
                });
                self.opened(second);
            }
        }
    }

    pub fn measure(&mut self, row: &MeasureRow) {
        let second = second(row.t);
        let node = row.node as usize;
        if self.measured.len() <= node {
            self.measured.resize_with(node + 1, Vec::new);
        }
        let known = self.measured[node]
            .iter_mut()
            .find(|one| (one.second, one.measure) == (second, row.measure));
        match known {
            Some(one) => {
                one.count += 1;
                one.sum += row.value;
                one.min = one.min.min(row.value);
                one.max = one.max.max(row.value);
            }
            None => {
                self.measured[node].push(Measured {
                    second,
                    node: row.node,
                    measure: row.measure,
                    count: 1,
                    sum: row.value,
                    min: row.value,
                    max: row.value,
                });
                self.opened(second);
            }
        }
    }

    fn opened(&mut self, second: i64) {
        self.first = Some(self.first.map_or(second, |first| first.min(second)));
    }

    /// Whether a window is over by `now`.
    #[inline]
    #[must_use]
    pub fn due(&self, now: u64) -> bool {
        self.first
            .is_some_and(|first| second(i64::try_from(now).unwrap_or(i64::MAX)) > first)
    }

    /// Takes what is over by `now` out, in order. What comes later for the same second becomes a window of its own.
    pub fn closed(&mut self, now: u64) -> Closed {
        let current = second(i64::try_from(now).unwrap_or(i64::MAX));
        let mut windows: Vec<Window> = self
            .open
            .iter_mut()
            .flat_map(|open| open.extract_if(.., |window| window.second < current))
            .collect();
        windows.sort_by_key(|window| (window.second, window.node, window.error_type));
        let mut ends: Vec<End> = self
            .ends
            .extract_if(.., |end| end.second < current)
            .collect();
        ends.sort_by_key(|end| (end.second, end.scenario, end.exit, end.state));
        let mut measured: Vec<Measured> = self
            .measured
            .iter_mut()
            .flat_map(|open| open.extract_if(.., |one| one.second < current))
            .collect();
        measured.sort_by_key(|one| (one.second, one.node, one.measure));
        let open = self.open.iter().flatten().map(|window| window.second);
        let open = open.chain(self.ends.iter().map(|end| end.second));
        let measures = self.measured.iter().flatten().map(|one| one.second);
        self.first = open.chain(measures).min();
        Closed {
            windows,
            ends,
            measured,
        }
    }

    /// Keeps the memory of a window that was written.
    pub fn reuse(&mut self, window: Window) {
        let empty = Window {
            response: window.response,
            service: window.service,
            ..Window::default()
        };
        self.spare.push(empty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_exact_below_and_within_a_share_above() {
        assert_eq!(bucket(-5), 0);
        assert_eq!(bucket(127), 127);
        assert_eq!(bucket(128), 128);
        assert_eq!(bucket(256), 256);
        assert_eq!(bucket(257), 256);
        assert_eq!(bucket(i64::MAX), bucket((1 << 45) - 1));
        let mut last = 0;
        for duration in (0..40).map(|i| 1_i64 << i) {
            assert!(bucket(duration) > last || duration == 1);
            last = bucket(duration);
        }
    }

    #[test]
    fn a_histogram_counts_by_bucket_in_order_and_empties_itself() {
        let mut times = Times::default();
        for duration in [300, 5, 301, 5] {
            times.add(duration);
        }
        assert_eq!((times.sum, times.min, times.max), (611, 5, 301));
        let numbers: Vec<u32> = times
            .take()
            .chunks_exact(4)
            .map(|c| u32::from_le_bytes(c.try_into().unwrap()))
            .collect();
        assert_eq!(numbers, [5, 2, bucket(300), 2]);
        assert!(times.take().is_empty());
    }

    #[test]
    fn what_is_measured_adds_up_by_second_node_and_measure() {
        let row = |t: i64, node, measure, value| MeasureRow {
            t,
            node,
            user: 1,
            task: 1,
            visit: 1,
            attempt: 1,
            measure,
            value,
        };
        let mut windows = Windows::default();
        let (now, then) = (WINDOW_NS / 2, WINDOW_NS * 3 / 2);
        for row in [
            row(now, 1, 0, 5.0),
            row(now, 1, 0, -1.0),
            row(now, 1, 1, 2.0),
            row(now, 0, 0, 7.0),
            row(then, 1, 0, 9.0),
        ] {
            windows.measure(&row);
        }
        assert!(windows.due(WINDOW_NS.unsigned_abs()));
        let told = |all: Vec<Measured>| -> Vec<_> {
            all.iter()
                .map(|m| (m.node, m.measure, m.count, m.sum, m.min, m.max))
                .collect()
        };
        assert_eq!(
            told(windows.closed(WINDOW_NS.unsigned_abs()).measured),
            [
                (0, 0, 1, 7.0, 7.0, 7.0),
                (1, 0, 2, 4.0, -1.0, 5.0),
                (1, 1, 1, 2.0, 2.0, 2.0)
            ]
        );
        assert_eq!(
            told(windows.closed(u64::MAX).measured),
            [(1, 0, 1, 9.0, 9.0, 9.0)]
        );
        assert!(!windows.due(u64::MAX));
    }
}
