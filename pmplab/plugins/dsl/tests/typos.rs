//! A typing error in a key of the language, or in a name that something refers to, is never silent: a diagnostic points at it or at
//! whoever misses the name, or the plan is the same as before.
//!
//! Every bundle in `data/bundles` and `tests/dsl/right` is an example. A sample of the edits runs always, all of them with
//! `--ignored`.

mod common;

use common::{Bundle, answer};
use pmplab_dsl::Checked;
use pmplab_dsl::diag::Span;
use pmplab_dsl::yaml::{self, Kind, Node};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Edits of a word of the language into another that means the same: each is a spelling that we accept.
const ALIASES: [(&str, &str); 2] = [("exits", "exit"), ("exit", "exits")];

struct Example {
    name: String,
    files: Vec<(String, String)>,
}

impl Example {
    fn text(&self, name: &str) -> Option<&str> {
        let file = self.files.iter().find(|(file, _)| file == name);
        file.map(|(_, text)| text.as_str())
    }

    fn check(&self, changed: &str, text: &str) -> Checked {
        let mut bundle = Bundle::of("").with_protocols();
        for (name, old) in &self.files {
            bundle = bundle.with(name, if name == changed { text } else { old });
        }
        bundle.check()
    }
}

fn read(folder: &Path, under: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{under}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            read(&path, &format!("{name}/"), files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            files.push((name, text));
        }
    }
}

fn examples() -> Vec<Example> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut folders: Vec<PathBuf> = ["data/bundles", "tests/dsl/right"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let example = |folder: &PathBuf| {
        let mut files = Vec::new();
        read(folder, "", &mut files);
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        Example { name, files }
    };
    folders.iter().map(example).collect()
}

/// A word whose every character matters.
struct Word {
    text: String,
    line: u32,
    col: u32,
}

/// Keys that hold names which somebody refers to, or that refer to one.
const NAMES: [&str; 18] = [
    "ref",
    "workflow",
    "component",
    "call",
    "profile",
    "start-after",
    "action",
    "goto",
    "inherit",
    "acquire",
    "release",
    "mount",
    "save-as",
    "var",
    "capabilities",
    "fields",
    "entry",
    "name",
];
/// Maps whose keys are free or nearly so.
const FREE: [&str; 5] = ["metadata", "config", "context", "headers", "global"];
/// Maps whose keys are names of the author.
const DEFINITIONS: [&str; 10] = [
    "workflows",
    "resources",
    "actions",
    "profiles",
    "nodes",
    "branches",
    "fields",
    "extract",
    "expose",
    "update-workbook",
];

struct Words<'t> {
    script: &'t str,
    all: Vec<Word>,
}

impl Words<'_> {
    fn push(&mut self, text: &str, span: Span) {
        // Where it stands as it is read: quoted and folded texts are left to the other tests.
        let lines: Vec<&str> = self.script.lines().collect();
        let line = lines[span.line as usize - 1];
        let shown: String = line
            .chars()
            .skip(span.col as usize - 1)
            .take(text.chars().count())
            .collect();
        if shown == text {
            self.all.push(Word {
                text: text.into(),
                line: span.line,
                col: span.col,
            });
        }
    }

    /// A name counts when it stands in the script twice, comments apart: somebody refers to it.
    fn name(&mut self, text: &str, span: Span) {
        let said = self.script.lines().filter(|line| !line.starts_with('#'));
        let times: usize = said.map(|line| line.matches(text).count()).sum();
        if times > 1 && !text.starts_with(|c: char| c.is_ascii_digit()) {
            self.push(text, span);
        }
    }

    fn walk(&mut self, node: &Node, key: &str) {
        match &node.kind {
            Kind::Scalar(scalar) if NAMES.contains(&key) => self.name(&scalar.text, node.span),
            Kind::Scalar(_) => self.templates(node),
            Kind::List(items) => items.iter().for_each(|item| self.walk(item, key)),
            Kind::Map(entries) => {
                for entry in entries {
                    if DEFINITIONS.contains(&key) {
                        self.name(&entry.key, entry.key_span);
                        self.walk(&entry.value, "");
                    } else if FREE.contains(&key) || entry.key.starts_with("x-") {
                        if NAMES.contains(&entry.key.as_str()) {
                            self.walk(&entry.value, &entry.key);
                        }
                    } else {
                        self.push(&entry.key, entry.key_span);
                        self.walk(&entry.value, &entry.key);
                    }
                }
            }
        }
    }

    /// The words between `{{` and `}}`; numbers are nobody's names.
    fn templates(&mut self, node: &Node) {
        let lines: Vec<&str> = self.script.lines().collect();
        let line: Vec<char> = lines[node.span.line as usize - 1].chars().collect();
        let mut inside = false;
        let mut word = String::new();
        let end = if node.span.end_line == node.span.line {
            node.span.end_col as usize - 1
        } else {
            line.len()
        };
        for at in node.span.col as usize - 1..end.min(line.len()) {
            let c = line[at];
            let part = inside && (c.is_alphanumeric() || c == '_' || c == '-');
            if part {
                word.push(c);
            } else if word.starts_with(|c: char| c.is_ascii_digit()) {
                word.clear();
            } else if !word.is_empty() {
                let col = (at - word.chars().count()) as u32 + 1;
                self.all.push(Word {
                    text: std::mem::take(&mut word),
                    line: node.span.line,
                    col,
                });
            }
            if at > 0 && line[at - 1] == c {
                inside = (inside || c == '{') && c != '}';
            }
        }
    }
}

fn words(script: &str) -> Vec<Word> {
    let root = yaml::load(script, 0).root.unwrap();
    let mut words = Words {
        script,
        all: Vec::new(),
    };
    words.walk(&root, "");
    words.all
}

/// Each character deleted, doubled, and swapped with the next.
fn edits(word: &str) -> BTreeSet<String> {
    let chars: Vec<char> = word.chars().collect();
    let mut all = BTreeSet::new();
    for at in 0..chars.len() {
        let mut deleted = chars.clone();
        deleted.remove(at);
        let mut doubled = chars.clone();
        doubled.insert(at, chars[at]);
        let mut swapped = chars.clone();
        if at + 1 < chars.len() {
            swapped.swap(at, at + 1);
        }
        all.extend([deleted, doubled, swapped].map(|chars| chars.iter().collect::<String>()));
    }
    all.remove(word);
    all
}

fn replaced(script: &str, word: &Word, by: &str) -> String {
    let mut lines: Vec<String> = script.lines().map(str::to_owned).collect();
    let line = &mut lines[word.line as usize - 1];
    let chars: Vec<char> = line.chars().collect();
    let (start, end) = (
        word.col as usize - 1,
        word.col as usize - 1 + word.text.chars().count(),
    );
    *line = chars[..start]
        .iter()
        .chain(by.chars().collect::<Vec<_>>().iter())
        .chain(&chars[end..])
        .collect();
    lines.join("\n") + "\n"
}

fn under(script: &str, span: &Json) -> (u64, u64, u64, String) {
    let number = |place: &str, what: &str| span[place][what].as_u64().unwrap_or(0);
    let (line, from, to) = (
        number("start", "line"),
        number("start", "col"),
        number("end", "col"),
    );
    let text = script
        .lines()
        .nth(line.saturating_sub(1) as usize)
        .unwrap_or_default();
    let text = text
        .chars()
        .skip(from.saturating_sub(1) as usize)
        .take(to.saturating_sub(from) as usize)
        .collect();
    (line, from, to, text)
}

/// What is newly said points at the word as it is now, or at something that holds it as it was.
fn pointed_at(
    found: &[Json],
    before: &[Json],
    text_of: impl Fn(&str) -> String,
    file: &str,
    word: &Word,
    now: &str,
) -> bool {
    let end = u64::from(word.col) + now.chars().count() as u64;
    let known = |d: &Json| before.iter().any(|b| b["message"] == d["message"]);
    found.iter().filter(|d| !known(d)).any(|d| {
        let place = d["file"].as_str().unwrap_or_default();
        let text = text_of(place);
        let labels = d["labels"].as_array().into_iter().flatten();
        let spans = labels.map(|l| &l["span"]).chain([&d["span"]]);
        spans.into_iter().any(|span| {
            let (line, from, to, under) = under(&text, span);
            let here = place == file
                && line == u64::from(word.line)
                && from <= end
                && to >= u64::from(word.col);
            here || under.contains(&word.text)
        })
    })
}

/// All that went unnoticed, among every `step`-th edit.
fn unnoticed(step: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut count = 0;
    for example in examples() {
        for file in ["script.yaml", "config.yaml"] {
            let Some(script) = example.text(file) else {
                continue;
            };
            let right = example.check(file, script);
            let before = answer(&right)["plan"].take();
            assert!(before.is_object(), "{}: {}", example.name, right.rendered);
            for word in words(script) {
                for now in edits(&word.text) {
                    count += 1;
                    if count % step != 0 {
                        continue;
                    }
                    let mutant = replaced(script, &word, &now);
                    let checked = example.check(file, &mutant);
                    let text_of = |name: &str| match example.text(name) {
                        Some(_) if name == file => mutant.clone(),
                        text => text.unwrap_or_default().to_owned(),
                    };
                    if pointed_at(&checked.json, &right.json, text_of, file, &word, &now) {
                        continue;
                    }
                    let same = answer(&checked)["plan"].take() == before;
                    if !same || !ALIASES.contains(&(word.text.as_str(), now.as_str())) {
                        wrong.push(format!(
                            "{} {file}:{}: `{}` as `{now}` {}: {}",
                            example.name,
                            word.line,
                            word.text,
                            if same {
                                "is the same plan, unlisted"
                            } else {
                                "is not pointed at"
                            },
                            checked.rendered
                        ));
                    }
                }
            }
        }
    }
    println!("{count} edits, every {step}th tried");
    wrong
}

#[test]
fn typing_errors_are_never_silent() {
    let wrong = unnoticed(23);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "takes minutes: every edit of every word of every example"]
fn no_typing_error_at_all_is_silent() {
    let wrong = unnoticed(1);
    assert!(
        wrong.is_empty(),
        "{} silent:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
#[ignore = "takes minutes: every edit of every character of every example"]
fn no_edit_anywhere_panics_or_hangs() {
    for example in examples() {
        for file in ["script.yaml", "config.yaml"] {
            let Some(script) = example.text(file) else {
                continue;
            };
            let chars: Vec<char> = script.chars().collect();
            for at in 0..chars.len() {
                let mut deleted = chars.clone();
                deleted.remove(at);
                let mut doubled = chars.clone();
                doubled.insert(at, chars[at]);
                let mut swapped = chars.clone();
                swapped.swap(at, (at + 1).min(chars.len() - 1));
                for mutant in [deleted, doubled, swapped] {
                    let mutant: String = mutant.into_iter().collect();
                    let began = Instant::now();
                    let checked = example.check(file, &mutant);
                    assert!(began.elapsed().as_secs() < 2, "{mutant}");
                    assert_eq!(checked.plan.is_some(), checked.ok(), "{mutant}");
                    assert!(checked.ok() || !checked.rendered.is_empty(), "{mutant}");
                }
            }
        }
    }
}
