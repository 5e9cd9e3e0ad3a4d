//! RTP (RFC 3550): packets of 20 ms of PCMU, and what is counted of those that come.

/// ns from packet to packet.
pub const EVERY: u64 = 20_000_000;
/// Samples, which are bytes, of one packet.
pub const SAMPLES: usize = 160;
/// PCMU of no sound.
const SILENCE: u8 = 0xff;
/// A jump of more than this is a stream that began anew (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;

/// The stream that goes out.
#[derive(Debug)]
pub struct Sender {
    ssrc: u32,
    sent: u32,
}

impl Sender {
    #[must_use]
    pub const fn new(ssrc: u32) -> Self {
        Self { ssrc, sent: 0 }
    }

    #[must_use]
    pub const fn sent(&self) -> u32 {
        self.sent
    }

    /// The next packet; `sound` is played once and then again, none is silence.
    pub fn next(&mut self, sound: Option<&[u8]>) -> Vec<u8> {
        let mut packet = Vec::with_capacity(12 + SAMPLES);
        // The marker bit begins the talk.
        packet.extend([0x80, if self.sent == 0 { 0x80 } else { 0 }]);
        packet.extend(((self.sent & 0xffff) as u16).to_be_bytes());
        packet.extend(self.sent.wrapping_mul(SAMPLES as u32).to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        match sound.filter(|sound| !sound.is_empty()) {
            Some(sound) => {
                let from = (self.sent as usize).wrapping_mul(SAMPLES) % sound.len();
                packet.extend(sound.iter().cycle().skip(from).take(SAMPLES));
            }
            None => packet.resize(12 + SAMPLES, SILENCE),
        }
        self.sent = self.sent.wrapping_add(1);
        packet
    }
}

/// What came of the other side's stream.
#[derive(Debug, Default)]
pub struct Receiver {
    ssrc: Option<u32>,
    base: u32,
    highest: u32,
    received: u32,
    /// Packets expected of streams that another followed.
    before: i64,
    /// In samples, as is the jitter.
    transit: f64,
    jitter: f64,
}

impl Receiver {
    /// Takes a datagram that came at `now`, ns; what is no RTP is not counted.
    pub fn take(&mut self, packet: &[u8], now: u64) {
        if packet.len() < 12 || packet[0] >> 6 != 2 {
            return;
        }
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let stamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let transit = now as f64 / 125_000.0 - f64::from(stamp);
        let step = sequence.wrapping_sub((self.highest & 0xffff) as u16);
        let restarted = step > MAX_DROPOUT && step < u16::MAX - MAX_DROPOUT;
        if self.ssrc != Some(ssrc) || restarted {
            self.before = self.expected();
            self.ssrc = Some(ssrc);
            self.base = u32::from(sequence);
            self.highest = self.base;
        } else {
            if step <= MAX_DROPOUT {
                self.highest = self.highest.wrapping_add(u32::from(step));
            }
            // Appendix A.8.
            self.jitter += ((transit - self.transit).abs() - self.jitter) / 16.0;
        }
        self.transit = transit;
        self.received += 1;
    }

    #[must_use]
    pub const fn received(&self) -> u32 {
        self.received
    }

    fn expected(&self) -> i64 {
        let now = self
            .ssrc
            .map_or(0, |_| i64::from(self.highest.wrapping_sub(self.base)) + 1);
        self.before + now
    }

    /// Expected less received (appendix A.3): a duplicate makes up for a loss.
    #[must_use]
    pub fn lost(&self) -> i64 {
        (self.expected() - i64::from(self.received)).max(0)
    }

    #[must_use]
    pub fn jitter_ms(&self) -> f64 {
        self.jitter / 8.0
    }
}

/// The samples of a file: those of a WAV of PCMU, or all of its bytes.
#[must_use]
pub fn samples(file: &[u8]) -> &[u8] {
    if !file.starts_with(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
        return file;
    }
    let mut rest = &file[12..];
    while let Some((head, after)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if head.starts_with(b"data") {
            return &after[..size.min(after.len())];
        }
        rest = after.get(size + size % 2..).unwrap_or(&[]);
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_number_themselves_and_sound_goes_round() {
        let sound: Vec<u8> = (0..200).collect();
        let mut sender = Sender::new(7);
        let first = sender.next(Some(&sound));
        let second = sender.next(Some(&sound));
        assert_eq!(first.len(), 172);
        assert_eq!((first[1], second[1]), (0x80, 0));
        assert_eq!(second[2..8], [0, 1, 0, 0, 0, 160]);
        assert_eq!((second[12], second[12 + 40]), (160, 0));
        assert_eq!(sender.next(None)[12..], [SILENCE; 160]);
    }

    #[test]
    fn loss_and_jitter_are_those_of_the_rfc() {
        let mut sender = Sender::new(7);
        let mut receiver = Receiver::default();
        for at in 0..70_000_u64 {
            let packet = sender.next(None);
            if at % 100 != 50 {
                receiver.take(&packet, at * EVERY);
            }
        }
        assert_eq!(receiver.lost(), 700);
        assert!(receiver.jitter_ms() < 0.001);
        for at in 70_000..70_500_u64 {
            let late = if at % 2 == 0 { 4_000_000 } else { 0 };
            receiver.take(&sender.next(None), at * EVERY + late);
        }
        assert!(
            (receiver.jitter_ms() - 4.0).abs() < 0.1,
            "{}",
            receiver.jitter_ms()
        );
        receiver.take(b"no RTP at all", 0);
        receiver.take(&Sender::new(8).next(None), 70_500 * EVERY);
        assert_eq!(receiver.lost(), 700);
    }

    #[test]
    fn the_samples_of_a_wav_are_those_of_its_data() {
        let wav = b"RIFF\x10\0\0\0WAVEfmt \x03\0\0\0abc\0data\x04\0\0\0wxyz";
        assert_eq!(samples(wav), b"wxyz");
        assert_eq!(samples(b"raw"), b"raw");
        assert_eq!(samples(b"RIFF\x10\0\0\0WAVEdata\xff\xff\xff\xffw"), b"w");
    }
}
