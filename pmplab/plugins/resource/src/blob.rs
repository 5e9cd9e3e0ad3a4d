//! A file of the bundle that is checked against its checksum when it is opened and whenever it is mounted.

use crate::digest::sha256;
use crate::model::{File, Problem, Refusal, shown};
use crate::near::near;
use serde_json::Value;

/// The bundle, read-only. Paths are relative, with `/`, and never climb out.
pub trait Files {
    /// # Errors
    /// Why there is no content.
    fn read(&self, path: &str) -> Result<Vec<u8>, Unread>;
    /// Names in a folder; empty when it cannot be listed.
    fn list(&self, folder: &str) -> Vec<String>;
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    Missing,
    NotAFile,
    /// Longer than [`LONGEST`]; its size in bytes.
    TooLong(u64),
    Other(String),
}

/// A file's content is held in the component's memory while it is handed over.
pub const LONGEST: u64 = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    path: String,
    size: u64,
    sha256: String,
    /// `checksum: none` lets the file change.
    fixed: bool,
}

impl Blob {
    pub fn open(config: &Value, files: Option<&dyn Files>) -> Result<Self, Vec<Problem>> {
        let wanted = checksum(config);
        let path = match path(config) {
            Ok(path) => path,
            Err(problem) => return Err(std::iter::once(problem).chain(wanted.err()).collect()),
        };
        let wanted = wanted.map_err(|problem| vec![problem])?;
        let Some(files) = files else {
            let problem = Problem::at_key(
                "E0707",
                "provider.component",
                "a `file_blob` needs a provider with the grant `files`".into(),
            );
            return Err(vec![problem.help("grant it: --allow NAME=files")]);
        };
        let content = files
            .read(&path)
            .map_err(|unread| vec![missing(&path, &unread, files)])?;
        let found = sha256(&content);
        if let Checksum::Is(wanted) = &wanted
            && *wanted != found
        {
            let message = format!("{} does not match its checksum", shown(&path));
            let problem = Problem::at_key("E0506", "config.checksum", message);
            return Err(vec![problem.help(format!(
                "expected sha256:{wanted}, the file has sha256:{found}"
            ))]);
        }
        Ok(Self {
            path,
            size: content.len() as u64,
            sha256: found,
            fixed: wanted != Checksum::None,
        })
    }

    /// Facts for the plan.
    pub fn facts(&self) -> Value {
        serde_json::json!({"path": self.path, "size": self.size, "sha256": self.sha256, "checked": self.fixed})
    }

    pub fn mount(&self, files: Option<&dyn Files>) -> Result<File, Refusal> {
        let files =
            files.ok_or_else(|| Refusal::Other("the provider lacks the grant `files`".into()))?;
        let content = files.read(&self.path).map_err(|unread| match unread {
            Unread::Missing => Refusal::NotFound(self.path.clone()),
            other => Refusal::Other(format!("{}: {}", self.path, other.text())),
        })?;
        let found = sha256(&content);
        if self.fixed && found != self.sha256 {
            let message = format!(
                "{} changed since the plan: sha256 was {}, is {found}",
                self.path, self.sha256
            );
            return Err(Refusal::Other(message));
        }
        Ok(File {
            path: self.path.clone(),
            size: content.len() as u64,
            sha256: found,
            content,
        })
    }
}

impl Unread {
    fn text(&self) -> String {
        match self {
            Self::Missing => "there is no such file".into(),
            Self::NotAFile => "it is not a file".into(),
            Self::TooLong(size) => format!("it has {size} bytes; the most is {LONGEST}"),
            Self::Other(why) => why.clone(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Checksum {
    Auto,
    None,
    Is(String),
}

fn checksum(config: &Value) -> Result<Checksum, Problem> {
    let bad = |text: &str| {
        Problem::at_key(
            "E0506",
            "config.checksum",
            format!("{} is no checksum", shown(text)),
        )
        .help("`auto`, `none`, or `sha256:` and 64 hexadecimal digits")
    };
    match config.get("checksum") {
        None | Some(Value::Null) => Ok(Checksum::Auto),
        Some(Value::String(text)) => match (text.as_str(), text.strip_prefix("sha256:")) {
            ("auto", _) => Ok(Checksum::Auto),
            ("none", _) => Ok(Checksum::None),
            (_, Some(hex)) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Ok(Checksum::Is(hex.to_ascii_lowercase()))
            }
            _ => Err(bad(text)),
        },
        Some(other) => Err(bad(&other.to_string())),
    }
}

/// `config.file`, without `.` and inner `..`.
fn path(config: &Value) -> Result<String, Problem> {
    let told = |code, message| Problem::at_key(code, "config.file", message);
    let text = match config.get("file") {
        Some(Value::String(text)) => text,
        None | Some(Value::Null) => {
            return Err(Problem::at_key("E0103", "config", "missing `file`".into())
                .help("`file: ./payloads/asset.json`"));
        }
        Some(_) => return Err(told("E0104", "`file` must be a path".into())),
    };
    let outside = || {
        told("E0501", format!("{} leads out of the bundle", shown(text)))
            .help("paths are relative to the bundle's folder")
    };
    if text.starts_with('/') {
        return Err(outside());
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(outside)?;
            }
            name => parts.push(name),
        }
    }
    if parts.is_empty() || text.contains('\0') {
        return Err(told("E0501", format!("{} names no file", shown(text))));
    }
    Ok(parts.join("/"))
}

fn missing(path: &str, unread: &Unread, files: &dyn Files) -> Problem {
    let problem = Problem::at_key(
        "E0501",
        "config.file",
        format!("cannot read {}: {}", shown(path), unread.text()),
    );
    if *unread != Unread::Missing {
        return problem;
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    let mut names = files.list(folder);
    names.sort();
    match near(name, names.iter().map(String::as_str)) {
        Some(meant) => problem.help(format!(
            "did you mean {}?",
            shown(&format!("{}{meant}", &path[..path.len() - name.len()]))
        )),
        None if names.is_empty() => problem,
        None => {
            let some: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
            problem.help(format!("files in `{folder}`: {}", some.join(", ")))
        }
    }
}
