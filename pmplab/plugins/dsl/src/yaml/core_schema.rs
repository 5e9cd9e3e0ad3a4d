//! What an unquoted scalar is by the core schema of YAML 1.2.

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plain<'t> {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(&'t str),
}

#[must_use]
pub fn plain(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Boolean(true),
        "false" | "False" | "FALSE" => Plain::Boolean(false),
        _ => number(text).unwrap_or(Plain::Text(text)),
    }
}

fn number(text: &str) -> Option<Plain<'_>> {
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(Plain::Integer);
    if let Some(hex) = text
        .strip_prefix("0x")
        .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return radix(hex, 16);
    }
    if let Some(octal) = text
        .strip_prefix("0o")
        .filter(|d| d.bytes().all(|b| (b'0'..=b'7').contains(&b)))
    {
        return radix(octal, 8);
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !body.is_empty() && body.bytes().all(|b| b.is_ascii_digit()) {
        return text
            .parse()
            .ok()
            .map(Plain::Integer)
            .or_else(|| text.parse().ok().map(Plain::Number));
    }
    let shape = body.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && body.bytes().any(|b| b.is_ascii_digit())
        && body
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !shape {
        return None;
    }
    text.parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
        .map(Plain::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_1_1_surprises_are_text() {
        for text in [
            "on",
            "no",
            "yes",
            "1:30",
            "22:22",
            "2025-11-22T10:20:00Z",
            "0b1",
            "1_000",
            "1.2.3",
        ] {
            assert_eq!(plain(text), Plain::Text(text));
        }
    }

    #[test]
    fn numbers_are_numbers() {
        assert_eq!(plain("0x1F"), Plain::Integer(31));
        assert_eq!(plain("-7"), Plain::Integer(-7));
        assert_eq!(plain("1e3"), Plain::Number(1000.0));
        assert_eq!(plain(".5"), Plain::Number(0.5));
    }
}
