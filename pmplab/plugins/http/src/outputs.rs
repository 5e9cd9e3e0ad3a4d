//! What an outcome brings of a response: only what the run asked for.

use crate::action::Output;
use crate::node::Node;
use crate::response::Response;
use pmplab_plugin::Value;

/// The values of the asked outputs, in their order; `url` is called only if it is among them.
pub fn values(asked: &[Output], response: &mut Response, url: impl Fn() -> String) -> Vec<Value> {
    if asked.is_empty() {
        return Vec::new();
    }
    let mut body = Some(std::mem::take(&mut response.body));
    let cut = response.size > body.as_ref().map_or(0, Vec::len) as u64;
    let last = asked
        .iter()
        .rposition(|output| matches!(output, Output::Body));
    asked
        .iter()
        .enumerate()
        .map(|(at, output)| match output {
            Output::Status => response
                .status
                .map_or(Value::None, |status| Value::Integer(i64::from(status))),
            Output::Headers => Value::Json(std::mem::take(&mut response.headers)),
            Output::Size => Value::Integer(i64::try_from(response.size).unwrap_or(i64::MAX)),
            Output::Url => Value::Text(url()),
            Output::Json if cut => Value::None,
            Output::Json => body.as_deref().map_or(Value::None, json),
            // The body moves out with its last use, unless JSON is to be read of it later.
            Output::Body if Some(at) == last && !asked[at..].contains(&Output::Json) => {
                text(body.take().unwrap_or_default(), cut)
            }
            Output::Body => text(body.clone().unwrap_or_default(), cut),
        })
        .collect()
}

/// Text when it is UTF-8; a character that the limit cut apart is left out.
fn text(mut body: Vec<u8>, cut: bool) -> Value {
    if cut
        && let Err(error) = std::str::from_utf8(&body)
        && error.error_len().is_none()
    {
        body.truncate(error.valid_up_to());
    }
    String::from_utf8(body).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text)
}

/// The body as JSON; none when it is not.
fn json(body: &[u8]) -> Value {
    let Ok(text) = std::str::from_utf8(body) else {
        return Value::None;
    };
    match serde_json::from_str::<Node>(text) {
        Ok(Node::Boolean(flag)) => Value::Boolean(flag),
        Ok(Node::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, Some(float)) => Value::Number(float),
            _ => Value::None,
        },
        Ok(Node::Text(text)) => Value::Text(text),
        Ok(Node::List(_) | Node::Map(_)) => Value::Json(text.trim().to_owned()),
        Ok(Node::Null | Node::Hole(_)) | Err(_) => Value::None,
    }
}
