//! Values of parameters, whatever type the script or a template gave them.

use crate::digest::Kind;
use pmplab_plugin::Value;

/// Longest path or command.
const MAX_TEXT: usize = 4000;

/// A value of the script as a value of a call.
pub fn known(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::None,
        serde_json::Value::Bool(flag) => Value::Boolean(*flag),
        serde_json::Value::Number(number) => number.as_i64().map_or_else(
            || Value::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::Integer,
        ),
        serde_json::Value::String(text) => Value::Text(text.clone()),
        other => Value::Json(other.to_string()),
    }
}

/// Text that fits into one line of the control connection.
pub fn line(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        other => return Err(format!("must be text, not {}", other.kind())),
    };
    if text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err("must not contain a line end".to_owned());
    }
    if text.len() > MAX_TEXT {
        return Err(format!("is longer than {MAX_TEXT} bytes"));
    }
    Ok(text)
}

pub fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(flag) => Some(*flag),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| "must be true or false".to_owned())
}

pub fn count(value: &Value) -> Result<u64, String> {
    match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
    .ok_or_else(|| "must be a whole number from 0".to_owned())
}

/// Text and bytes as they are, a list or map as JSON.
pub fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::None => Vec::new(),
        Value::Boolean(flag) => flag.to_string().into_bytes(),
        Value::Integer(number) => number.to_string().into_bytes(),
        Value::Number(number) => number.to_string().into_bytes(),
        Value::Text(text) | Value::Json(text) => text.clone().into_bytes(),
        Value::Bytes(bytes) => bytes.clone(),
    }
}

/// `500ms`, `30s`, `2m`, or seconds, as ns.
pub fn duration(value: &Value) -> Result<u64, String> {
    let wrong = || "must be a duration such as 500ms or 30s".to_owned();
    let text = match value {
        Value::Integer(seconds) => format!("{seconds}s"),
        Value::Number(seconds) => format!("{seconds}s"),
        Value::Text(text) => text.trim().to_owned(),
        _ => return Err(wrong()),
    };
    let at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => return Err(wrong()),
    };
    let ns = number.trim().parse::<f64>().map_err(|_| wrong())? * unit;
    if !(1e6..=1e15).contains(&ns) {
        return Err(wrong());
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was found to be in range"
    )]
    Ok(ns as u64)
}

pub fn checksum(value: &Value) -> Result<Kind, String> {
    match value {
        Value::Text(text) if text.eq_ignore_ascii_case("crc32") => Ok(Kind::Crc32),
        Value::Text(text) if text.eq_ignore_ascii_case("sha256") => Ok(Kind::Sha256),
        Value::Text(text) if text.eq_ignore_ascii_case("none") => Ok(Kind::None),
        Value::Boolean(false) => Ok(Kind::None),
        _ => Err("must be crc32, sha256 or none".to_owned()),
    }
}

/// One of two words; whether it is the second.
pub fn second(value: &Value, first: &str, second: &str) -> Result<bool, String> {
    match value {
        Value::Text(text) if text.eq_ignore_ascii_case(first) => Ok(false),
        Value::Text(text) if text.eq_ignore_ascii_case(second) => Ok(true),
        _ => Err(format!("must be {first} or {second}")),
    }
}
