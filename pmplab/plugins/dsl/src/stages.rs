//! Users that come and go by a timetable: linear pieces, up and down. Who came last goes first, and who has gone is never seen again.

use crate::plan::{Ns, Spawn};

/// One piece: it lasts so long and ends at so many users. A piece that takes no time is a jump.
pub type Stage = (Ns, u64);

/// A piece with where it begins.
struct Piece {
    start: Ns,
    lasts: Ns,
    from: u64,
    to: u64,
}

fn pieces(stages: &[Stage]) -> impl Iterator<Item = Piece> {
    let mut last = (0, 0);
    stages.iter().map(move |&(lasts, to)| {
        let (start, from) = last;
        last = (Ns::saturating_add(start, lasts), to);
        Piece {
            start,
            lasts,
            from,
            to,
        }
    })
}

impl Piece {
    fn size(&self) -> u64 {
        self.to.abs_diff(self.from)
    }

    /// When it has moved by `n`, which it does.
    fn moved(&self, n: u64) -> Ns {
        let into = (u128::from(n) * u128::from(self.lasts)).div_ceil(u128::from(self.size()));
        self.start.saturating_add(into as Ns)
    }
}

/// When user `i` comes.
pub fn at(stages: &[Stage], i: u64) -> Option<Ns> {
    coming(stages, i).map(|(at, _, _)| at)
}

/// When user `i` comes, how many there are with it, and which piece it comes in.
fn coming(stages: &[Stage], i: u64) -> Option<(Ns, u64, usize)> {
    let mut came = 0;
    for (index, piece) in pieces(stages).enumerate().filter(|(_, p)| p.to > p.from) {
        if i - came < piece.size() {
            let n = i - came + 1;
            return Some((piece.moved(n), piece.from + n, index));
        }
        came += piece.size();
    }
    None
}

/// When user `i` is told to go: none comes, or it stays.
pub fn leaves(stages: &[Stage], i: u64) -> Option<Ns> {
    let (_, level, index) = coming(stages, i)?;
    let piece = pieces(stages).skip(index + 1).find(|p| p.to < level)?;
    Some(piece.moved(piece.from - level + 1))
}

/// Users there at `t`.
pub fn planned(stages: &[Stage], t: Ns) -> u64 {
    let mut level = 0;
    for piece in pieces(stages) {
        let into = t.saturating_sub(piece.start);
        if t < piece.start {
            break;
        }
        level = if into >= piece.lasts {
            piece.to
        } else {
            let moved = u128::from(into) * u128::from(piece.size()) / u128::from(piece.lasts);
            if piece.to > piece.from {
                piece.from + moved as u64
            } else {
                piece.from - moved as u64
            }
        };
    }
    level
}

impl Spawn {
    /// When user `i` is told to finish, because fewer are planned from then on; none: it stays as long as its tasks do.
    #[must_use]
    pub fn leaves(&self, i: u64) -> Option<Ns> {
        match self {
            Self::Ramp { from, to, over } if i >= *to && i < *from => {
                leaves(&[(0, *from), (*over, *to)], i)
            }
            Self::Stages { stages } => leaves(stages, i),
            _ => None,
        }
    }

    /// How many come at all, before the cap of `Scenario::users`; none: no end of them.
    #[must_use]
    pub fn comers(&self) -> Option<u64> {
        match self {
            Self::AtOnce | Self::Rate { .. } => None,
            Self::Ramp { from, to, .. } => Some(*from.max(to)),
            Self::Stages { stages } => {
                let ups = pieces(stages).map(|p| p.to.saturating_sub(p.from));
                Some(ups.fold(0, u64::saturating_add))
            }
        }
    }

    /// The most there are at a time, and when they are first reached; none: no end of them.
    #[must_use]
    pub fn peak(&self) -> Option<(u64, Ns)> {
        match self {
            Self::AtOnce | Self::Rate { .. } => None,
            Self::Ramp { from, to, .. } if to < from => Some((*from, 0)),
            Self::Ramp { to, over, .. } => Some((*to, *over)),
            Self::Stages { stages } => {
                let ends = pieces(stages).map(|p| (p.to, p.start.saturating_add(p.lasts)));
                ends.max_by_key(|(users, at)| (*users, std::cmp::Reverse(*at)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Ns = 1_000_000_000;

    fn spawn(stages: &[Stage]) -> Spawn {
        Spawn::Stages {
            stages: stages.to_vec(),
        }
    }

    /// Up to 100, hold, down to 20, up to 50.
    fn hills() -> Spawn {
        spawn(&[(10 * S, 100), (10 * S, 100), (8 * S, 20), (3 * S, 50)])
    }

    #[test]
    fn users_come_and_go_along_straight_lines() {
        let hills = hills();
        for (t, users) in [
            (0, 0),
            (5, 50),
            (10, 100),
            (15, 100),
            (24, 60),
            (28, 20),
            (29, 30),
            (31, 50),
            (99, 50),
        ] {
            assert_eq!(hills.planned(t * S), users, "at {t} s");
        }
        assert_eq!(hills.peak(), Some((100, 10 * S)));
        assert_eq!(hills.comers(), Some(130));
    }

    #[test]
    fn each_user_has_its_instants() {
        let hills = hills();
        assert_eq!(hills.at(0), Some(S / 10));
        assert_eq!(hills.at(99), Some(10 * S));
        assert_eq!(hills.leaves(99), Some(20 * S + S / 10));
        assert_eq!(hills.leaves(20), Some(28 * S));
        assert_eq!(hills.leaves(19), None);
        assert_eq!(hills.at(100), Some(28 * S + S / 10));
        assert_eq!(hills.leaves(100), None);
        assert_eq!(hills.at(130), None);
    }

    #[test]
    fn at_every_instant_those_who_came_and_did_not_go_are_as_many_as_planned() {
        let odd = spawn(&[(0, 7), (10, 3), (0, 5), (13, 29), (7, 0), (5, 11), (11, 4)]);
        let ramp = Spawn::Ramp {
            from: 13,
            to: 4,
            over: 31,
        };
        for spawn in [hills(), odd, ramp] {
            let all = spawn.comers().unwrap();
            let step = spawn.peak().unwrap().1.max(47) / 47;
            for t in (0..200).map(|i| i * step) {
                let there = (0..all).filter(|i| {
                    spawn.at(*i).is_some_and(|at| at <= t) && spawn.leaves(*i).is_none_or(|l| l > t)
                });
                assert_eq!(there.count() as u64, spawn.planned(t), "{spawn:?} at {t}");
            }
        }
    }

    #[test]
    fn stages_of_one_piece_are_a_ramp() {
        let ramp = Spawn::Ramp {
            from: 5,
            to: 1000,
            over: 60 * S,
        };
        let stages = spawn(&[(0, 5), (60 * S, 1000)]);
        for i in 0..1001 {
            assert_eq!(ramp.at(i), stages.at(i));
        }
        for t in 0..700 {
            assert_eq!(ramp.planned(t * S / 10), stages.planned(t * S / 10));
        }
    }
}
