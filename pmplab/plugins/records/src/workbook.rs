//! The Workbook: rows come in one by one, numbered; batches go out to files that something else writes.

use std::fmt;

use crate::rows::{ActionRow, ChangeRow, LeaseRow, LoadRow, MeasureRow, TaskRow};
use crate::schema::{
    ACTIONS, CHANGES, ENDS, LEASES, LOAD, MEASURED, MEASURES, TASKS, WINDOW_NS, WINDOWS,
};
use crate::table::Writer;
use crate::windows::{End, Measured, Window, Windows};

/// A batch is written at this age. A crash may lose what is younger than 250 ms: the rest is for the tick and the disk.
const BATCH_NS: u64 = 200_000_000;
/// Longest message of an action, in characters.
const MESSAGE_CHARS: usize = 200;

/// A file that the sink opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(pub u32);

/// Why the sink could not take what it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkError {
    /// No space left on the device, or over quota.
    Full,
    Other(String),
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the disk is full"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for SinkError {}

/// Where the bytes go. Writes are queued in order and never block; a failure may be told by any later call.
pub trait Sink {
    /// Creates the file `name`, a path relative to the run folder whose directory exists.
    ///
    /// # Errors
    /// When it cannot be created.
    fn open(&mut self, name: &str) -> Result<FileId, SinkError>;

    /// Appends to the file.
    ///
    /// # Errors
    /// When this or an earlier write failed.
    fn write(&mut self, file: FileId, bytes: Vec<u8>) -> Result<(), SinkError>;

    /// Nothing more will come for the file.
    ///
    /// # Errors
    /// When an earlier write failed.
    fn close(&mut self, file: FileId) -> Result<(), SinkError>;
}

/// What the indexes in the rows mean: fixed when the plan is made.
#[derive(Debug, Clone, Default)]
pub struct Dictionaries {
    pub scenarios: Vec<String>,
    /// Paths of the WBS nodes.
    pub nodes: Vec<String>,
    pub components: Vec<String>,
    pub calls: Vec<String>,
    /// Keys of the resources.
    pub resources: Vec<String>,
    /// Names of what components measure.
    pub measures: Vec<String>,
}

/// The writer of all tables of a shard.
pub struct Workbook<S: Sink> {
    sink: S,
    shard: u32,
    seq: i64,
    /// The last time that `flush` was told.
    now: u64,
    /// When all tables were last written.
    written: u64,
    /// A failure while a row was taken, told by the next `flush`.
    failure: Option<SinkError>,
    actions: Writer<25>,
    measures: Writer<9>,
    tasks: Writer<15>,
    load: Writer<17>,
    leases: Writer<9>,
    changes: Writer<9>,
    /// In place of actions, tasks and most of the load; none: every record is kept.
    windows: Option<Box<Windowed>>,
}

/// What is kept when aggregates of a second are enough.
struct Windowed {
    open: Windows,
    windows: Writer<23>,
    ends: Writer<9>,
    measured: Writer<8>,
    /// By scenario: the second of its last row of load, and the latest row that was not written.
    load: Vec<(i64, Option<LoadRow>)>,
}

impl<S: Sink> Workbook<S> {
    /// An empty Workbook. No file is opened before its first row is written.
    pub fn new(sink: S, dictionaries: &Dictionaries, shard: u32) -> Self {
        Self {
            sink,
            shard,
            seq: 0,
            now: 0,
            written: 0,
            failure: None,
            actions: Writer::new(&ACTIONS, dictionaries),
            measures: Writer::new(&MEASURES, dictionaries),
            tasks: Writer::new(&TASKS, dictionaries),
            load: Writer::new(&LOAD, dictionaries),
            leases: Writer::new(&LEASES, dictionaries),
            changes: Writer::new(&CHANGES, dictionaries),
            windows: None,
        }
    }

    /// Keeps aggregates of a second in place of actions, tasks and the load of every tick.
    #[must_use]
    pub fn windowed(mut self, dictionaries: &Dictionaries) -> Self {
        self.windows = Some(Box::new(Windowed {
            open: Windows::default(),
            windows: Writer::new(&WINDOWS, dictionaries),
            ends: Writer::new(&ENDS, dictionaries),
            measured: Writer::new(&MEASURED, dictionaries),
            load: Vec::new(),
        }));
        self
    }

    pub fn sink(&self) -> &S {
        &self.sink
    }

    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Number that the next row gets: rows so far, over all tables.
    pub fn seq(&self) -> u64 {
        self.seq.unsigned_abs()
    }

    /// Rows so far, by table.
    pub fn totals(&self) -> [(&'static str, u64); 6] {
        [
            (ACTIONS.name, self.actions.total()),
            (TASKS.name, self.tasks.total()),
            (LOAD.name, self.load.total()),
            (LEASES.name, self.leases.total()),
            (CHANGES.name, self.changes.total()),
            (MEASURES.name, self.measures.total()),
        ]
    }

    fn next_seq(&mut self) -> i64 {
        let seq = self.seq;
        self.seq += 1;
        seq
    }

    /// Takes an attempt of an action.
    pub fn action(&mut self, row: &ActionRow) {
        if let Some(windowed) = &mut self.windows {
            windowed.open.action(row);
            return;
        }
        let number = self.next_seq();
        #[rustfmt::skip]
        let [
            seq, scenario, node, component, call, user, task, visit, attempt, t_intended, t_connect, t_start, t_first_byte, t_end,
            lease_wait, throttle_wait, event, class, error_type, status, bytes_sent, bytes_received, resource, phase, message,
        ] = &mut self.actions.columns;
        seq.long(number);
        scenario.planned(row.scenario);
        node.planned(row.node);
        component.planned(row.component);
        call.planned(row.call);
        user.count(row.user);
        task.count(row.task);
        visit.int(row.visit);
        attempt.int(row.attempt);
        t_intended.long(row.t_intended);
        t_connect.maybe_long(row.t_connect);
        t_start.maybe_long(row.t_start);
        t_first_byte.maybe_long(row.t_first_byte);
        t_end.long(row.t_end);
        lease_wait.long(row.lease_wait);
        throttle_wait.long(row.throttle_wait);
        event.closed(u32::from(row.event));
        class.maybe_closed((row.class < 2).then_some(u32::from(row.class)));
        error_type.maybe_closed(row.error_type);
        status.maybe_signed(row.status);
        bytes_sent.count(row.bytes_sent);
        bytes_received.count(row.bytes_received);
        resource.maybe_planned(row.resource);
        phase.closed(row.phase);
        message.maybe_text(row.message.as_deref().map(cut));
        if self.actions.ended_row() {
            let done = self.actions.emit(&mut self.sink, self.shard, self.now);
            self.note(done);
        }
    }

    /// Takes what was measured of the attempt whose row came before.
    pub fn measure(&mut self, row: &MeasureRow) {
        if let Some(windowed) = &mut self.windows {
            windowed.open.measure(row);
            return;
        }
        let number = self.next_seq();
        let [seq, t, node, user, task, visit, attempt, measure, value] = &mut self.measures.columns;
        seq.long(number);
        t.long(row.t);
        node.planned(row.node);
        user.count(row.user);
        task.count(row.task);
        visit.int(row.visit);
        attempt.int(row.attempt);
        measure.planned(row.measure);
        value.float(row.value);
        if self.measures.ended_row() {
            let done = self.measures.emit(&mut self.sink, self.shard, self.now);
            self.note(done);
        }
    }

    /// Takes a task that ended.
    pub fn task(&mut self, row: &TaskRow) {
        if let Some(windowed) = &mut self.windows {
            windowed.open.task(row);
            return;
        }
        let number = self.next_seq();
        #[rustfmt::skip]
        let [
            seq, scenario, user, task, iteration, t_planned, t_start, t_end, exit, state, attempts,
            waiting_resource, running_action, throttled, blocked,
        ] = &mut self.tasks.columns;
        seq.long(number);
        scenario.planned(row.scenario);
        user.count(row.user);
        task.count(row.task);
        iteration.int(row.iteration);
        t_planned.long(row.t_planned);
        t_start.long(row.t_start);
        t_end.long(row.t_end);
        exit.closed(row.exit);
        state.closed(row.state);
        attempts.int(row.attempts);
        waiting_resource.long(row.waiting_resource);
        running_action.long(row.running_action);
        throttled.long(row.throttled);
        blocked.long(row.blocked);
        if self.tasks.ended_row() {
            let done = self.tasks.emit(&mut self.sink, self.shard, self.now);
            self.note(done);
        }
    }

    /// Takes the load of a scenario at a tick.
    pub fn load(&mut self, row: &LoadRow) {
        if let Some(windowed) = &mut self.windows
            && !windowed.first_of_second(row)
        {
            return;
        }
        self.load_row(row);
    }

    fn load_row(&mut self, row: &LoadRow) {
        let number = self.next_seq();
        #[rustfmt::skip]
        let [
            seq, scenario, t, planned, online, stop, offline, started, finished, in_flight, oldest_in_flight,
            waiting_resource, running_action, throttled, blocked, dropped, tick_lag,
        ] = &mut self.load.columns;
        seq.long(number);
        scenario.planned(row.scenario);
        t.long(row.t);
        planned.count(row.planned);
        online.count(row.online);
        stop.count(row.stop);
        offline.count(row.offline);
        started.count(row.started);
        finished.count(row.finished);
        in_flight.count(row.in_flight);
        oldest_in_flight.long(row.oldest_in_flight);
        waiting_resource.count(row.waiting_resource);
        running_action.count(row.running_action);
        throttled.count(row.throttled);
        blocked.count(row.blocked);
        dropped.count(row.dropped);
        tick_lag.long(row.tick_lag);
        if self.load.ended_row() {
            let done = self.load.emit(&mut self.sink, self.shard, self.now);
            self.note(done);
        }
    }

    /// Takes an event in the life of a lease.
    pub fn lease(&mut self, row: &LeaseRow) {
        let number = self.next_seq();
        let [seq, t, event, lease, resource, user, task, wait, expires] = &mut self.leases.columns;
        seq.long(number);
        t.long(row.t);
        event.closed(row.event);
        lease.count(row.lease);
        resource.planned(row.resource);
        user.count(row.user);
        task.maybe_count(row.task);
        wait.long(row.wait);
        expires.maybe_long(row.expires);
        if self.leases.ended_row() {
            let done = self.leases.emit(&mut self.sink, self.shard, self.now);
            self.note(done);
        }
    }

    /// Takes a change of the Workbook.
    pub fn change(&mut self, row: &ChangeRow) {
        let number = self.next_seq();
        let [seq, t, section, user, task, path, value, cause, node] = &mut self.changes.columns;
        seq.long(number);
        t.long(row.t);
        section.closed(row.section);
        user.maybe_count(row.user);
        task.maybe_count(row.task);
        path.text(&row.path);
        value.text(&row.value);
        cause.text(&row.cause);
        node.maybe_planned(row.node);
        if self.changes.ended_row() {
            let done = self.changes.emit(&mut self.sink, self.shard, self.now);
            self.note(done);
        }
    }

    /// Writes the batches that are due, or all of them with `force`, and ends segments that are big or old.
    /// To be called once a step; `now_ns` counts from the start of the run.
    ///
    /// # Errors
    /// What the sink could not take, now or since the last call. The batch in question is lost; the next may be tried.
    pub fn flush(&mut self, now_ns: u64, force: bool) -> Result<(), SinkError> {
        self.now = now_ns;
        if self.windows.as_ref().is_some_and(|w| w.open.due(now_ns)) {
            self.close_windows(now_ns);
        }
        if force || now_ns.saturating_sub(self.written) >= BATCH_NS {
            self.written = now_ns;
            self.each(false);
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Writes what is left and ends all segments.
    ///
    /// # Errors
    /// What the sink could not take, now or since the last `flush`.
    pub fn close(&mut self) -> Result<(), SinkError> {
        self.close_windows(u64::MAX);
        let held = self.windows.iter_mut().flat_map(|w| &mut w.load);
        let held: Vec<LoadRow> = held.filter_map(|(_, row)| row.take()).collect();
        held.iter().for_each(|row| self.load_row(row));
        self.each(true);
        self.failure.take().map_or(Ok(()), Err)
    }

    fn each(&mut self, last: bool) {
        let (shard, now, sink) = (self.shard, self.now, &mut self.sink);
        macro_rules! emit {
            ($($table:ident),*) => { [$({
                let emitted = self.$table.emit(sink, shard, now);
                emitted.and(self.$table.rotate(sink, now, last))
            }),*] };
        }
        let mut all = emit!(actions, measures, tasks, load, leases, changes).to_vec();
        if let Some(windowed) = &mut self.windows {
            let windows = windowed.windows.emit(sink, shard, now);
            all.push(windows.and(windowed.windows.rotate(sink, now, last)));
            let ends = windowed.ends.emit(sink, shard, now);
            all.push(ends.and(windowed.ends.rotate(sink, now, last)));
            let measured = windowed.measured.emit(sink, shard, now);
            all.push(measured.and(windowed.measured.rotate(sink, now, last)));
        }
        for done in all {
            self.note(done);
        }
    }

    /// Writes the windows that are over.
    fn close_windows(&mut self, now: u64) {
        let Some(mut windowed) = self.windows.take() else {
            return;
        };
        let closed = windowed.open.closed(now);
        for window in closed.windows {
            let number = self.next_seq();
            let window = windowed.window(number, window);
            windowed.open.reuse(window);
            if windowed.windows.ended_row() {
                let done = windowed.windows.emit(&mut self.sink, self.shard, self.now);
                self.note(done);
            }
        }
        for end in closed.ends {
            let number = self.next_seq();
            windowed.end(number, end);
            if windowed.ends.ended_row() {
                let done = windowed.ends.emit(&mut self.sink, self.shard, self.now);
                self.note(done);
            }
        }
        for measured in closed.measured {
            let number = self.next_seq();
            windowed.measured(number, measured);
            if windowed.measured.ended_row() {
                let done = windowed.measured.emit(&mut self.sink, self.shard, self.now);
                self.note(done);
            }
        }
        self.windows = Some(windowed);
    }

    fn note(&mut self, done: Result<(), SinkError>) {
        if let Err(error) = done {
            self.failure.get_or_insert(error);
        }
    }
}

impl Windowed {
    /// Whether the row is the first of its scenario in its second; else it is held back until the end.
    fn first_of_second(&mut self, row: &LoadRow) -> bool {
        let scenario = row.scenario as usize;
        if self.load.len() <= scenario {
            self.load.resize_with(scenario + 1, || (-1, None));
        }
        let second = row.t.div_euclid(WINDOW_NS);
        let (last, held) = &mut self.load[scenario];
        let first = second > *last;
        if first {
            (*last, *held) = (second, None);
        } else {
            *held = Some(row.clone());
        }
        first
    }

    fn window(&mut self, number: i64, mut window: Window) -> Window {
        #[rustfmt::skip]
        let [
            seq, t, scenario, node, component, call, error_type, class, count, success, fail, timeout, bytes_sent, bytes_received,
            response_sum, response_min, response_max, response_histogram,
            service_sum, service_min, service_max, service_histogram, message,
        ] = &mut self.windows.columns;
        seq.long(number);
        t.long(window.second.saturating_mul(WINDOW_NS));
        scenario.planned(window.scenario);
        node.planned(window.node);
        component.planned(window.component);
        call.planned(window.call);
        error_type.maybe_closed(window.error_type);
        let speaks = window.error_type.is_some() && window.class < 2;
        class.maybe_closed(speaks.then_some(u32::from(window.class)));
        count.count(window.events.iter().sum());
        for (column, event) in [success, fail, timeout].into_iter().zip(window.events) {
            column.count(event);
        }
        bytes_sent.count(window.bytes_sent);
        bytes_received.count(window.bytes_received);
        for (columns, times) in [
            (
                [response_sum, response_min, response_max, response_histogram],
                &mut window.response,
            ),
            (
                [service_sum, service_min, service_max, service_histogram],
                &mut window.service,
            ),
        ] {
            let [sum, min, max, histogram] = columns;
            sum.long(times.sum);
            min.long(times.min);
            max.long(times.max);
            histogram.bytes(&times.take());
        }
        message.maybe_text(window.message.as_deref().map(cut));
        window
    }

    fn measured(&mut self, number: i64, of: Measured) {
        let [seq, t, node, measure, count, sum, min, max] = &mut self.measured.columns;
        seq.long(number);
        t.long(of.second.saturating_mul(WINDOW_NS));
        node.planned(of.node);
        measure.planned(of.measure);
        count.count(of.count);
        sum.float(of.sum);
        min.float(of.min);
        max.float(of.max);
    }

    fn end(&mut self, number: i64, end: End) {
        let [seq, t, scenario, exit, state, count, sum, min, max] = &mut self.ends.columns;
        seq.long(number);
        t.long(end.second.saturating_mul(WINDOW_NS));
        scenario.planned(end.scenario);
        exit.closed(end.exit);
        state.closed(end.state);
        count.count(end.count);
        sum.long(end.sum);
        min.long(end.min);
        max.long(end.max);
    }
}

/// The first characters of a message.
fn cut(text: &str) -> &str {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) if text.len() > MESSAGE_CHARS => &text[..end],
        _ => text,
    }
}
