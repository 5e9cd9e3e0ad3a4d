//! What makes two runs comparable: the key of a script.
//!
//! The digest of its workflows, actions and load as they mean, not as they are written: comments, order of keys and quoting
//! don't count, nor do the addresses of targets, which change from one environment to the next.

use crate::read::places::WORKFLOW;
use crate::yaml::{Kind, Node, Plain, plain};
use sha2::{Digest, Sha256};

/// Sections whose change makes it another scenario.
const SECTIONS: [&str; 3] = ["workflows", "actions", "load"];

/// Digest of the script as it is written, before anything is set from outside, and of the actions of `config.yaml`.
pub fn key(script: &Node, config: Option<&Node>) -> String {
    let mut hasher = Sha256::new();
    for section in SECTIONS {
        say(&mut hasher, b's', section);
        if let Some(node) = script.get(section) {
            digest(&mut hasher, node);
        }
    }
    if let Some(node) = config.and_then(|config| config.get("actions")) {
        digest(&mut hasher, node);
    }
    hasher
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Length first, so that no two trees read alike.
fn say(hasher: &mut Sha256, kind: u8, text: &str) {
    hasher.update([kind]);
    hasher.update((text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

fn digest(hasher: &mut Sha256, node: &Node) {
    match &node.kind {
        Kind::List(items) => {
            say(hasher, b'l', &items.len().to_string());
            items.iter().for_each(|item| digest(hasher, item));
        }
        Kind::Map(entries) => {
            say(hasher, b'm', &entries.len().to_string());
            let mut sorted: Vec<_> = entries.iter().map(|e| (spelt(&e.key), &e.value)).collect();
            sorted.sort_by_key(|(key, _)| *key);
            for (key, value) in sorted {
                say(hasher, b'k', key);
                digest(hasher, value);
            }
        }
        Kind::Scalar(scalar) if scalar.plain => match plain(&scalar.text) {
            Plain::Null => say(hasher, b'0', ""),
            Plain::Boolean(value) => say(hasher, b'b', &value.to_string()),
            Plain::Integer(value) => say(hasher, b'i', &value.to_string()),
            Plain::Number(value) => say(hasher, b'n', &value.to_string()),
            Plain::Text(text) => say(hasher, b't', &placeless(text)),
        },
        Kind::Scalar(scalar) => say(hasher, b't', &placeless(&scalar.text)),
    }
}

/// The key itself, of one that has another spelling.
fn spelt(key: &str) -> &str {
    let known = WORKFLOW.aliases.iter().find(|(alias, _)| *alias == key);
    known.map_or(key, |(_, meant)| meant)
}

/// The text without what stands between `://` and the path: whose server it is.
fn placeless(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        kept.push_str(before);
        // A template may hold blanks and slashes.
        let mut depth = 0usize;
        let end = after.char_indices().find(|(_, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                '/' | '?' | '#' | ' ' | '"' | '\'' | ',' => return depth == 0,
                _ => {}
            }
            false
        });
        rest = end.map_or("", |(i, _)| &after[i..]);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::{key, placeless};
    use crate::yaml::{Node, load};

    fn tree(text: &str) -> Node {
        load(text, 0).root.unwrap()
    }

    fn of(text: &str) -> String {
        key(&tree(text), None)
    }

    const SCRIPT: &str = "version: \"1.0\"\nactions: {get: {component: http, call: get, with: {url: \"http://10.0.0.1:80/a?x=1\"}}}\nworkflows: {main: {steps: [{ref: get}]}}\nload: {scenarios: [{name: s, workflow: main, user-count: 10}]}\n";

    #[test]
    fn writing_it_otherwise_does_not_change_the_key() {
        let other = "# a comment\nload:\n  scenarios:\n    - user-count: 10\n      workflow: 'main'\n      name: \"s\"\nworkflows:\n  main:\n    steps:\n      - ref: get\nactions:\n  get:\n    call: get\n    component: http\n    with:\n      url: http://target.example/a?x=1\nversion: \"1.1\"\n";
        assert_eq!(of(SCRIPT), of(other));
    }

    #[test]
    fn another_spelling_of_a_key_does_not_change_it() {
        let script =
            |key: &str| format!("workflows: {{main: {{{key}: {{timeout: timeout_out}}}}}}\n");
        assert_eq!(of(&script("exit")), of(&script("exits")));
        assert_ne!(of(&script("exit")), of(&script("entry")));
    }

    #[test]
    fn another_load_path_or_step_is_another_key() {
        for (from, to) in [
            ("user-count: 10", "user-count: 11"),
            ("/a?x=1", "/b?x=1"),
            ("[{ref: get}]", "[{ref: get}, {ref: get}]"),
            ("call: get", "call: post"),
        ] {
            assert_ne!(of(SCRIPT), of(&SCRIPT.replace(from, to)), "{to}");
        }
    }

    #[test]
    fn components_and_resources_are_no_part_of_it() {
        let more = format!("{SCRIPT}components: [{{name: http, version: \"9\"}}]\nresources: []\n");
        assert_eq!(of(SCRIPT), of(&more));
    }

    #[test]
    fn actions_of_the_library_count() {
        let config = tree("actions: {get: {call: head}}");
        assert_ne!(key(&tree(SCRIPT), Some(&config)), of(SCRIPT));
    }

    #[test]
    fn addresses_are_left_out_of_texts() {
        assert_eq!(
            placeless("http://a.b:80/c http://d/e"),
            "http:///c http:///e"
        );
        assert_eq!(placeless("http://{{pair.ip}}:{{ a / b }}/c"), "http:///c");
        assert_eq!(placeless("ftp://host"), "ftp://");
        assert_eq!(placeless("no address"), "no address");
    }
}
