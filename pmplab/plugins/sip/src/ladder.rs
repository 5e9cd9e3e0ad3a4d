//! What is counted of each message of an action, and what is timed: the measures.

/// Messages that are counted, by the name that their measures begin with.
pub const MESSAGES: [&str; 14] = [
    "register",
    "options",
    "invite",
    "ack",
    "bye",
    "cancel",
    "trying",
    "ringing",
    "ok",
    "challenge",
    "redirect",
    "client_error",
    "server_error",
    "global_error",
];

/// What happens to a message, by the name that its measure ends with.
pub const HAPPENINGS: [&str; 4] = ["sent", "received", "retransmitted", "timed_out"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Sent = 0,
    Received = 1,
    Retransmitted = 2,
    TimedOut = 3,
}

/// A measure that the run keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Count(usize, usize),
    Unexpected,
    SetupMs,
    PostDialDelayMs,
    Answered,
    RtpSent,
    RtpReceived,
    RtpLost,
    RtpJitterMs,
}

impl Measure {
    /// The measure of a name; none: there is no such.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "unexpected" => Self::Unexpected,
            "setup_ms" => Self::SetupMs,
            "post_dial_delay_ms" => Self::PostDialDelayMs,
            "answered" => Self::Answered,
            "rtp_packets_sent" => Self::RtpSent,
            "rtp_packets_received" => Self::RtpReceived,
            "rtp_packets_lost" => Self::RtpLost,
            "rtp_jitter_ms" => Self::RtpJitterMs,
            _ => HAPPENINGS.iter().enumerate().find_map(|(what, end)| {
                let message = name.strip_suffix(end)?.strip_suffix('_')?;
                let row = MESSAGES.iter().position(|known| *known == message)?;
                Some(Self::Count(row, what))
            })?,
        })
    }
}

/// The row of a method or a status code; none: it has none.
fn row(method: Option<&str>, code: Option<u16>) -> Option<usize> {
    let name = match (method, code) {
        (Some(method), _) => method,
        (_, Some(100)) => "trying",
        (_, Some(101..=199)) => "ringing",
        (_, Some(200..=299)) => "ok",
        (_, Some(300..=399)) => "redirect",
        (_, Some(401 | 407)) => "challenge",
        (_, Some(400..=499)) => "client_error",
        (_, Some(500..=599)) => "server_error",
        (_, Some(_)) => "global_error",
        (None, None) => return None,
    };
    MESSAGES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
}

/// How often each message was sent and came, within one action.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    counts: [[u32; 4]; MESSAGES.len()],
    pub unexpected: u32,
}

impl Ladder {
    pub fn request(&mut self, method: &str, what: Happening) {
        if let Some(row) = row(Some(method), None) {
            self.counts[row][what as usize] += 1;
        }
    }

    pub fn response(&mut self, code: u16, what: Happening) {
        if let Some(row) = row(None, Some(code)) {
            self.counts[row][what as usize] += 1;
        }
    }

    #[must_use]
    pub const fn count(&self, row: usize, what: usize) -> u32 {
        self.counts[row][what]
    }
}
