//! Durations, rates, sizes, counts and versions, as the script writes them.

use crate::plan::Ns;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A number without a unit.
    Bare,
    /// Zero or less.
    NotPositive,
    Malformed,
    TooLarge,
}

const UNITS: [(&str, u64); 4] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// `500ms`, `1.5s`, `1m30s`.
///
/// # Errors
/// When it is anything else, or not above zero.
pub fn duration(text: &str) -> Result<Ns, Defect> {
    let text = text.trim();
    if text.parse::<f64>().is_ok() && !text.is_empty() {
        return Err(Defect::Bare);
    }
    if let Some(rest) = text.strip_prefix('-') {
        return Err(if duration(rest).is_ok() {
            Defect::NotPositive
        } else {
            Defect::Malformed
        });
    }
    let mut rest = text;
    let mut total: u128 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() || last == u64::MAX {
        let (number, scale, after) = number(rest).ok_or(Defect::Malformed)?;
        let (unit, ns) = UNITS
            .iter()
            .filter(|(unit, _)| {
                after
                    .strip_prefix(unit)
                    .is_some_and(|r| !r.starts_with(|c: char| c.is_alphabetic()))
            })
            .max_by_key(|(unit, _)| unit.len())
            .ok_or(Defect::Malformed)?;
        if *ns >= last {
            return Err(Defect::Malformed);
        }
        last = *ns;
        total += u128::from(number) * u128::from(*ns) / u128::from(scale);
        rest = &after[unit.len()..];
    }
    match u64::try_from(total) {
        Ok(0) => Err(Defect::NotPositive),
        Ok(ns) if ns <= u64::MAX / 4 => Ok(ns),
        _ => Err(Defect::TooLarge),
    }
}

/// `count` per `per` nanoseconds, from `100/s`, `50 req/s`, `0.5/m`.
///
/// # Errors
/// When it is anything else, or not above zero.
pub fn rate(text: &str) -> Result<(u64, Ns), Defect> {
    const NOUNS: [&str; 8] = ["req", "user", "users", "call", "calls", "cps", "op", "ops"];
    let text = text.trim();
    if text.parse::<f64>().is_ok() {
        return Err(Defect::Bare);
    }
    let (what, per) = text.split_once('/').ok_or(Defect::Malformed)?;
    let (number, scale, noun) = number(what.trim()).ok_or(Defect::Malformed)?;
    let noun = noun.trim();
    let unit = UNITS
        .iter()
        .find(|(unit, _)| *unit == per.trim())
        .ok_or(Defect::Malformed)?;
    if !(noun.is_empty() || NOUNS.contains(&noun)) {
        return Err(Defect::Malformed);
    }
    if number == 0 {
        return Err(Defect::NotPositive);
    }
    Ok((
        number,
        unit.1
            .checked_mul(scale)
            .filter(|ns| *ns <= u64::MAX / 4)
            .ok_or(Defect::TooLarge)?,
    ))
}

/// Bytes, from `512KiB`, `10MB`, `64 B`.
///
/// # Errors
/// When it is anything else.
pub fn size(text: &str) -> Result<u64, Defect> {
    const SIZES: [(&str, u64); 7] = [
        ("B", 1),
        ("KB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    let (number, scale, unit) = number(text.trim()).ok_or(Defect::Malformed)?;
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(Defect::Bare);
    }
    let (_, bytes) = SIZES
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or(Defect::Malformed)?;
    number
        .checked_mul(*bytes)
        .map(|n| n / scale)
        .ok_or(Defect::TooLarge)
}

/// A share of 1, from `1%`, `0.5 %` or `0.01`.
///
/// # Errors
/// When it is anything else, or not from 0 to 1.
pub fn share(text: &str) -> Result<f64, Defect> {
    let text = text.trim();
    let (number, scale) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let plain = |c: u8| c.is_ascii_digit() || c == b'.';
    if number.is_empty() || !number.bytes().all(plain) {
        return Err(Defect::Malformed);
    }
    let share = number.parse::<f64>().map_err(|_| Defect::Malformed)? / scale;
    if share > 1.0 {
        return Err(Defect::TooLarge);
    }
    Ok(share)
}

/// A duration, or `0s`: where nothing is a length too.
///
/// # Errors
/// When it is anything else.
pub fn duration_or_zero(text: &str) -> Result<Ns, Defect> {
    match duration(text) {
        Err(Defect::NotPositive) if !text.trim_start().starts_with('-') => Ok(0),
        other => other,
    }
}

/// Three numbers, with an optional pre-release and build: `1.2.3-rc.1+7`.
#[must_use]
pub fn is_semver(text: &str) -> bool {
    let (rest, build) = text
        .split_once('+')
        .map_or((text, None), |(r, b)| (r, Some(b)));
    let (core, pre) = rest
        .split_once('-')
        .map_or((rest, None), |(c, p)| (c, Some(p)));
    let number = |n: &str| {
        !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) && (n == "0" || !n.starts_with('0'))
    };
    let words = |t: &str| {
        t.split('.')
            .all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(words)
        && build.is_none_or(words)
}

/// A decimal at the start of `text`: its digits as a whole number, the power of ten to divide by, and the rest.
fn number(text: &str) -> Option<(u64, u64, &str)> {
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    let (mut digits, mut scale, mut end) = (text[..whole].to_owned(), 1, whole);
    if whole > 0 && text[whole..].starts_with('.') {
        let fraction = text[whole + 1..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        if fraction == 0 || fraction > 9 {
            return None;
        }
        digits.push_str(&text[whole + 1..=whole + fraction]);
        scale = 10u64.pow(fraction as u32);
        end = whole + 1 + fraction;
    }
    Some((digits.parse().ok()?, scale, &text[end..]))
}

/// The duration in the same grammar, in its largest whole units.
#[must_use]
pub fn show(ns: Ns) -> String {
    if ns < 1_000_000 {
        return format!("{ns}ns");
    }
    let mut rest = ns / 1_000_000;
    let mut out = String::new();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= size {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_units_and_come_compound() {
        assert_eq!(duration("1m30s"), Ok(90_000_000_000));
        assert_eq!(duration("1.5s"), Ok(1_500_000_000));
        assert_eq!(duration("500ms"), Ok(500_000_000));
        assert_eq!(duration("500"), Err(Defect::Bare));
        assert_eq!(duration("0s"), Err(Defect::NotPositive));
        assert_eq!(duration("-5s"), Err(Defect::NotPositive));
        for text in ["", "s", "5sec", "30s1m", "5 s x", "1s2s", "fifty", "5µs"] {
            assert_eq!(duration(text), Err(Defect::Malformed), "{text}");
        }
        assert!(duration("99999999999h").is_err());
    }

    #[test]
    fn rates_keep_fractions_exact() {
        assert_eq!(rate("200/s"), Ok((200, 1_000_000_000)));
        assert_eq!(rate("50 req/s"), Ok((50, 1_000_000_000)));
        assert_eq!(rate("0.5/s"), Ok((5, 10_000_000_000)));
        assert_eq!(rate("100"), Err(Defect::Bare));
        assert_eq!(rate("100/sec"), Err(Defect::Malformed));
        assert_eq!(rate("0/s"), Err(Defect::NotPositive));
    }

    #[test]
    fn versions_are_semantic() {
        assert!(is_semver("0.2.1") && is_semver("1.0.0-rc.1+b7"));
        assert!(!is_semver("0.2") && !is_semver("01.0.0") && !is_semver("v1.0.0"));
    }

    #[test]
    fn shares_are_percentages_or_fractions_of_one() {
        assert_eq!(share("1%"), Ok(0.01));
        assert_eq!(share("0.5 %"), Ok(0.005));
        assert_eq!(share("0.2"), Ok(0.2));
        assert_eq!(share("20"), Err(Defect::TooLarge));
        for text in ["", "%", "-1%", "1e-3", "a%", "1.2.3"] {
            assert_eq!(share(text), Err(Defect::Malformed), "{text}");
        }
    }

    #[test]
    fn nothing_is_a_length_where_that_is_allowed() {
        assert_eq!(duration_or_zero("0s"), Ok(0));
        assert_eq!(duration_or_zero("1ms"), Ok(1_000_000));
        assert_eq!(duration_or_zero("-1s"), Err(Defect::NotPositive));
        assert_eq!(duration_or_zero("0"), Err(Defect::Bare));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("1 MiB"), Ok(1 << 20));
        assert_eq!(size("1024"), Err(Defect::Bare));
    }
}
