//! What a value must look like, by the name of its field. Names other than these are free text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is wrong with the value of a field; none: nothing.
pub fn defect(field: &str, value: &str) -> Option<&'static str> {
    match field {
        "port" if !port(value) => Some("is not a port: a whole number from 1 to 65535"),
        "ip" | "host" if !address(value) => Some("is not an IP address or host name"),
        _ => None,
    }
}

fn port(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_digit()) && value.parse::<u16>().is_ok_and(|port| port > 0)
}

fn address(value: &str) -> bool {
    let bracketed = value.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
    match bracketed {
        Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
        None => value.parse::<IpAddr>().is_ok() || host(value),
    }
}

/// RFC 1123, underscores allowed as resolvers do. All digits and dots must have been an IPv4 address.
fn host(value: &str) -> bool {
    let value = value.strip_suffix('.').unwrap_or(value);
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let numeric = value
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    value.len() <= 253
        && value.split('.').all(label)
        && (!numeric || value.parse::<Ipv4Addr>().is_ok())
}

/// How records name an entry: its values joined by `:`, an IPv6 address in brackets.
pub fn key(values: &[String]) -> String {
    let part = |v: &String| {
        if v.parse::<Ipv6Addr>().is_ok() {
            format!("[{v}]")
        } else {
            v.clone()
        }
    };
    values.iter().map(part).collect::<Vec<_>>().join(":")
}
