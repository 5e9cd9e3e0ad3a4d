//! What the script makes of an answer: whether it is as expected, and what it takes out of it.

use pmplab_dsl::plan::{Event, Segment, Value};
use pmplab_dsl::template::holds;
use pmplab_records::error_type;
use serde_json::Value as Json;

use crate::action::Ended;
use crate::engine::Engine;
use crate::ops::{By, CallOp, ExtractOp};
use crate::ports::{Ledger, Protocol, Provider};
use crate::scope::dig;
use crate::slab::Key;

impl<P: Protocol, R: Provider, L: Ledger> Engine<P, R, L> {
    /// `expect` decides about an answer, whatever the component thinks of it. Where there is none, there is nothing to decide.
    pub(crate) fn expected(&self, key: Key, at: u32, call: &CallOp, ended: Ended) -> Ended {
        let Some(expect) = &call.expect else {
            return ended;
        };
        if ended.outputs.is_empty() || ended.event == Event::Timeout {
            return ended;
        }
        let Some(user) = self.users.get(key) else {
            return ended;
        };
        let mut scope = self.scope(user, at, Some(call));
        scope.outputs = &ended.outputs;
        scope.inputs = ended.inputs.as_deref();
        match holds(expect, &scope) {
            Ok(true) => Ended {
                event: Event::Success,
                kind: None,
                message: None,
                ..ended
            },
            // What the component says is wrong is nearer to the cause.
            Ok(_) if ended.event == Event::Fail => ended,
            Ok(_) => Ended {
                event: Event::Fail,
                kind: Some(error_type("validation.expect")),
                message: Some("the answer is not as `expect` wants it".to_owned()),
                ..ended
            },
            Err(undefined) => Ended {
                event: Event::Fail,
                kind: Some(error_type(undefined.error_type())),
                message: Some(undefined.to_string()),
                ..ended
            },
        }
    }
}

/// Takes a value out of an answer; none, when it is not there.
pub fn extract(extract: &ExtractOp, outputs: &[Value]) -> Value {
    let Some(output) = outputs.get(extract.output) else {
        return Value::None;
    };
    match &extract.by {
        By::Json(path) => parsed(output).map_or(Value::None, |json| found(&json, path)),
        By::Key(key) => {
            let path = [Segment::Key(key.clone())];
            parsed(output).map_or(Value::None, |json| found(&json, &path))
        }
        By::Regex(regex) => {
            let mut text = String::new();
            output.write_text(&mut text);
            regex
                .captures(&text)
                .and_then(|found| found.get(1).or_else(|| found.get(0)))
                .map_or(Value::None, |found| Value::Text(found.as_str().to_owned()))
        }
    }
}

fn parsed(value: &Value) -> Option<Json> {
    match value {
        Value::Json(text) | Value::Text(text) => serde_json::from_str(text).ok(),
        Value::Bytes(bytes) => serde_json::from_slice(bytes).ok(),
        _ => None,
    }
}

fn found(json: &Json, path: &[Segment]) -> Value {
    dig(json, path).map_or(Value::None, Value::from_json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmplab_dsl::plan::Extractor;

    fn take(by: &Extractor, output: Value) -> Value {
        let by = By::new(by).unwrap();
        extract(&ExtractOp { output: 0, by }, &[output])
    }

    #[test]
    fn values_come_out_of_json_maps_and_text() {
        let path = vec![
            Segment::Key("items".into()),
            Segment::Index(1),
            Segment::Key("id".into()),
        ];
        let json = r#"{"items": [{"id": 1}, {"id": 42}]}"#;
        for body in [
            Value::Text(json.into()),
            Value::Json(json.into()),
            Value::Bytes(json.into()),
        ] {
            assert_eq!(
                take(&Extractor::Json(path.clone()), body),
                Value::Integer(42)
            );
        }
        let headers = Value::Json(r#"{"x-build": "7b"}"#.into());
        assert_eq!(
            take(&Extractor::Key("x-build".into()), headers),
            Value::Text("7b".into())
        );
        let page = Value::Text("<input name=\"csrf\" value=\"abc\">".into());
        let regex = |text: &str| Extractor::Regex(text.into());
        assert_eq!(
            take(&regex("value=\"([^\"]+)\""), page.clone()),
            Value::Text("abc".into())
        );
        assert_eq!(take(&regex("c.rf"), page), Value::Text("csrf".into()));
    }

    #[test]
    fn what_is_not_there_has_no_value() {
        let path = vec![Segment::Key("id".into())];
        for output in [
            Value::None,
            Value::Text("no json".into()),
            Value::Json("[]".into()),
        ] {
            assert_eq!(take(&Extractor::Json(path.clone()), output), Value::None);
        }
        assert_eq!(
            take(&Extractor::Regex("x".into()), Value::Text("abc".into())),
            Value::None
        );
        assert!(By::new(&Extractor::Regex("(".into())).is_err());
    }
}
