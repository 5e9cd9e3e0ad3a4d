//! What operators and filters do to typed values. Nothing here panics, loops, or takes longer than its operands are long.
//!
//! A text that is compared with a number or a boolean, or calculated with, is read as one: manifests, headers and the environment
//! know text only. What doesn't read as one is unequal to all of them, and an error anywhere else.

use crate::plan::{Filter, Operator, Value};
use crate::yaml::{Plain, plain};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Why there is no result; one clause, as in `a is text`.
type Computed = Result<Value, String>;

/// Deeper lists and maps are unequal to all others.
const DEEPEST: usize = 64;

/// An operator of two values. `and` and `or` are the evaluator's: they look at their right side only when they must.
pub fn binary(operator: Operator, a: &Value, b: &Value) -> Computed {
    match operator {
        Operator::Equal => Ok(Value::Boolean(equal(a, b))),
        Operator::NotEqual => Ok(Value::Boolean(!equal(a, b))),
        Operator::Less => order(a, b).map(|o| Value::Boolean(o == Some(Ordering::Less))),
        Operator::LessOrEqual => {
            order(a, b).map(|o| Value::Boolean(o.is_some_and(Ordering::is_le)))
        }
        Operator::Greater => order(a, b).map(|o| Value::Boolean(o == Some(Ordering::Greater))),
        Operator::GreaterOrEqual => {
            order(a, b).map(|o| Value::Boolean(o.is_some_and(Ordering::is_ge)))
        }
        Operator::In => contains(b, a).map(Value::Boolean),
        Operator::And => Ok(Value::Boolean(truth(a)? && truth(b)?)),
        Operator::Or => Ok(Value::Boolean(truth(a)? || truth(b)?)),
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Remainder => arithmetic(operator, a, b),
    }
}

/// A boolean, or the text of one.
pub fn truth(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(b) => Ok(*b),
        Value::Text(text) => {
            boolean(text).ok_or_else(|| format!("{} is not true or false", shown(value)))
        }
        other => Err(format!("{} is not true or false", shown(other))),
    }
}

pub fn negate(value: &Value) -> Computed {
    match number(value)? {
        Number::Integer(i) => Ok(i
            .checked_neg()
            .map_or_else(|| Value::Number(-(i as f64)), Value::Integer)),
        Number::Float(f) => Ok(Value::Number(-f)),
    }
}

pub fn filter(filter: Filter, value: &Value) -> Computed {
    match filter {
        Filter::Length => length(value),
        Filter::Lower => scalar(value).map(|text| Value::Text(text.to_lowercase())),
        Filter::Upper => scalar(value).map(|text| Value::Text(text.to_uppercase())),
        Filter::Trim => scalar(value).map(|text| Value::Text(text.trim().to_owned())),
        Filter::Int => match number(value)? {
            Number::Integer(i) => Ok(Value::Integer(i)),
            // 2^63 itself is no i64 any more.
            Number::Float(f) if f.is_finite() && f.abs() < 9_223_372_036_854_775_808.0 => {
                Ok(Value::Integer(f as i64))
            }
            Number::Float(_) => Err(format!("{} is too large for a whole number", shown(value))),
        },
        Filter::Number => Ok(match number(value)? {
            Number::Integer(i) => Value::Integer(i),
            Number::Float(f) => Value::Number(f),
        }),
        Filter::Text => {
            let mut text = String::new();
            value.write_text(&mut text);
            Ok(Value::Text(text))
        }
        Filter::Json => Ok(Value::Text(value.to_json().to_string())),
    }
}

fn length(value: &Value) -> Computed {
    let length = match value {
        Value::Text(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Json(text) => match serde_json::from_str(text) {
            Ok(Json::Array(items)) => items.len(),
            Ok(Json::Object(map)) => map.len(),
            _ => return Err(format!("{} has no length", shown(value))),
        },
        _ => return Err(format!("{} has no length", shown(value))),
    };
    Ok(Value::Integer(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// The text of anything but a list or map.
fn scalar(value: &Value) -> Result<Cow<'_, str>, String> {
    match value {
        Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Json(_) => Err(format!("{} is not text", shown(value))),
        other => {
            let mut text = String::new();
            other.write_text(&mut text);
            Ok(Cow::Owned(text))
        }
    }
}

#[derive(Clone, Copy)]
enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Self::Integer(i) => i as f64,
            Self::Float(f) => f,
        }
    }
}

fn number(value: &Value) -> Result<Number, String> {
    numeric(value).ok_or_else(|| format!("{} is not a number", shown(value)))
}

fn numeric(value: &Value) -> Option<Number> {
    match value {
        Value::Integer(i) => Some(Number::Integer(*i)),
        Value::Number(n) => Some(Number::Float(*n)),
        Value::Text(text) => match plain(text.trim()) {
            Plain::Integer(i) => Some(Number::Integer(i)),
            Plain::Number(n) => Some(Number::Float(n)),
            _ => None,
        },
        _ => None,
    }
}

fn boolean(text: &str) -> Option<bool> {
    match plain(text.trim()) {
        Plain::Boolean(b) => Some(b),
        _ => None,
    }
}

const fn is_number(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Number(_))
}

/// Exact, also where a whole number has no double of its own.
fn compare(a: Number, b: Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Integer(a), Number::Float(b)) => compare_mixed(a, b),
        (Number::Float(a), Number::Integer(b)) => compare_mixed(b, a).map(Ordering::reverse),
    }
}

fn compare_mixed(a: i64, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if b < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    let whole = b as i64;
    Some(
        a.cmp(&whole)
            .then_with(|| 0.0.partial_cmp(&b.fract()).unwrap_or(Ordering::Equal)),
    )
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        (Value::Boolean(b), Value::Text(text)) | (Value::Text(text), Value::Boolean(b)) => {
            boolean(text) == Some(*b)
        }
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Bytes(bytes), Value::Text(text)) | (Value::Text(text), Value::Bytes(bytes)) => {
            bytes == text.as_bytes()
        }
        (Value::Json(text), other) | (other, Value::Json(text)) => serde_json::from_str(text)
            .is_ok_and(|json: Json| equal_json(&json, &other.to_json(), DEEPEST)),
        (a, b) if is_number(a) || is_number(b) => match (numeric(a), numeric(b)) {
            (Some(a), Some(b)) => compare(a, b) == Some(Ordering::Equal),
            _ => false,
        },
        _ => false,
    }
}

fn equal_json(a: &Json, b: &Json, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal_json(a, b, depth))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal_json(a, b, depth)))
        }
        (Json::Number(_), Json::Number(_)) => equal(&Value::from_json(a), &Value::from_json(b)),
        _ => a == b,
    }
}

/// None: neither is less (one of them is no number at all, NaN).
fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        (a, b) if is_number(a) || is_number(b) => Ok(compare(number(a)?, number(b)?)),
        (a, b) => Err(format!("{} has no order with {}", shown(a), shown(b))),
    }
}

fn contains(all: &Value, one: &Value) -> Result<bool, String> {
    match all {
        Value::Text(text) => Ok(text.contains(&*scalar(one)?)),
        Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes).contains(&*scalar(one)?)),
        Value::Json(text) => match serde_json::from_str(text) {
            Ok(Json::Array(items)) => {
                Ok(items.iter().any(|item| equal(&Value::from_json(item), one)))
            }
            Ok(Json::Object(map)) => Ok(map.contains_key(&*scalar(one)?)),
            _ => Err(format!("nothing can be in {}", shown(all))),
        },
        _ => Err(format!("nothing can be in {}", shown(all))),
    }
}

fn arithmetic(operator: Operator, a: &Value, b: &Value) -> Computed {
    let (a, b) = (number(a)?, number(b)?);
    let by_zero = matches!(operator, Operator::Divide | Operator::Remainder) && b.float() == 0.0;
    if by_zero {
        return Err("it divides by zero".to_owned());
    }
    if let (Number::Integer(a), Number::Integer(b)) = (a, b) {
        let whole = match operator {
            Operator::Add => a.checked_add(b),
            Operator::Subtract => a.checked_sub(b),
            Operator::Multiply => a.checked_mul(b),
            Operator::Remainder => a.checked_rem(b).or(Some(0)),
            _ => None,
        };
        if let Some(whole) = whole {
            return Ok(Value::Integer(whole));
        }
    }
    let (a, b) = (a.float(), b.float());
    let result = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        _ => a % b,
    };
    if result.is_finite() {
        Ok(Value::Number(result))
    } else {
        Err("its result is too large".to_owned())
    }
}

/// As a message names a value: short, whatever it holds.
fn shown(value: &Value) -> String {
    let short = |text: &str| match text.char_indices().nth(24) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    };
    match value {
        Value::None => "null".to_owned(),
        Value::Boolean(b) => format!("`{b}`"),
        Value::Integer(i) => format!("`{i}`"),
        Value::Number(n) => format!("`{n}`"),
        Value::Text(text) => format!("the text {}", short(text)),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Json(text) => short(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Value {
        Value::Text(t.into())
    }

    fn json(t: &str) -> Value {
        Value::Json(t.into())
    }

    fn holds(operator: Operator, a: Value, b: Value) -> bool {
        binary(operator, &a, &b) == Ok(Value::Boolean(true))
    }

    #[test]
    fn numbers_compare_by_value_and_exactly() {
        let most = Value::Integer(i64::MAX);
        assert!(holds(
            Operator::Equal,
            Value::Integer(2),
            Value::Number(2.0)
        ));
        assert!(holds(Operator::Less, Value::Integer(2), Value::Number(2.5)));
        assert!(holds(
            Operator::Greater,
            Value::Integer(-2),
            Value::Number(-2.5)
        ));
        // As doubles the two would be equal.
        assert!(holds(
            Operator::Less,
            most.clone(),
            Value::Number(9_223_372_036_854_775_808.0)
        ));
        assert!(holds(Operator::Equal, most.clone(), most));
        for operator in [Operator::Less, Operator::Equal, Operator::GreaterOrEqual] {
            assert!(!holds(operator, Value::Integer(1), Value::Number(f64::NAN)));
        }
    }

    #[test]
    fn a_text_beside_a_number_or_boolean_is_read_as_one() {
        assert!(holds(Operator::Equal, text("80"), Value::Integer(80)));
        assert!(holds(Operator::Less, Value::Integer(9), text("10")));
        assert!(holds(Operator::Equal, text("true"), Value::Boolean(true)));
        assert!(!holds(Operator::Equal, text("eighty"), Value::Integer(80)));
        assert!(binary(Operator::Less, &text("eighty"), &Value::Integer(80)).is_err());
        assert!(
            holds(Operator::Less, text("10"), text("9")),
            "two texts compare as text"
        );
    }

    #[test]
    fn lists_and_maps_are_compared_inside() {
        assert!(holds(
            Operator::Equal,
            json("{\"a\":[1]}"),
            json("{ \"a\" : [1.0] }")
        ));
        assert!(!holds(Operator::Equal, json("[1,2]"), json("[2,1]")));
        assert!(holds(Operator::In, Value::Integer(200), json("[200, 201]")));
        assert!(holds(Operator::In, text("x"), json("{\"x\": 1}")));
        assert!(holds(Operator::In, text("ell"), text("hello")));
        assert!(binary(Operator::In, &text("x"), &Value::Integer(1)).is_err());
    }

    #[test]
    fn arithmetic_keeps_whole_numbers_whole_and_never_overflows() {
        let two = |operator, a, b| binary(operator, &Value::Integer(a), &Value::Integer(b));
        assert_eq!(two(Operator::Add, 2, 3), Ok(Value::Integer(5)));
        assert_eq!(two(Operator::Divide, 7, 2), Ok(Value::Number(3.5)));
        assert_eq!(two(Operator::Remainder, 7, 3), Ok(Value::Integer(1)));
        assert_eq!(
            two(Operator::Remainder, i64::MIN, -1),
            Ok(Value::Integer(0))
        );
        assert_eq!(
            two(Operator::Multiply, i64::MAX, 2),
            Ok(Value::Number(18_446_744_073_709_551_614.0))
        );
        assert!(two(Operator::Divide, 1, 0).is_err());
        assert!(two(Operator::Remainder, 1, 0).is_err());
        assert!(
            binary(
                Operator::Multiply,
                &Value::Number(1e300),
                &Value::Number(1e300)
            )
            .is_err()
        );
        assert_eq!(
            binary(Operator::Add, &text("8080"), &Value::Integer(1)),
            Ok(Value::Integer(8081))
        );
    }

    #[test]
    fn filters_convert_and_measure() {
        assert_eq!(
            filter(Filter::Length, &json("[1, 2]")),
            Ok(Value::Integer(2))
        );
        assert_eq!(filter(Filter::Length, &text("日本")), Ok(Value::Integer(2)));
        assert_eq!(filter(Filter::Int, &text("4.9")), Ok(Value::Integer(4)));
        assert_eq!(
            filter(Filter::Number, &text(" 4.5 ")),
            Ok(Value::Number(4.5))
        );
        assert_eq!(filter(Filter::Upper, &text("ab")), Ok(text("AB")));
        assert_eq!(filter(Filter::Text, &Value::Integer(5)), Ok(text("5")));
        assert_eq!(filter(Filter::Json, &text("a\"b")), Ok(text("\"a\\\"b\"")));
        assert!(filter(Filter::Int, &Value::Number(1e30)).is_err());
        assert!(filter(Filter::Int, &text("many")).is_err());
        assert!(filter(Filter::Length, &Value::Integer(5)).is_err());
    }

    #[test]
    fn messages_stay_short() {
        let long = text(&"界".repeat(1000));
        let why = binary(Operator::Add, &long, &Value::Integer(1)).unwrap_err();
        assert!(why.chars().count() < 60, "{why}");
    }
}
