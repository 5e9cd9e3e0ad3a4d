//! The records of the contract `pmplab:resource`, as the engine knows them.

/// A resource as the script declares it.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    pub name: String,
    pub kind: String,
    /// `config` of the script, as a JSON object.
    pub config: String,
    pub manifest: Option<Manifest>,
    pub strategy: String,
    /// Nanoseconds.
    pub ttl: Option<u64>,
    pub size: Option<u64>,
    pub holders: Option<u32>,
    /// Role and capability.
    pub calls: Vec<(String, String)>,
}

#[derive(Debug, Clone, Default)]
pub struct Manifest {
    pub text: String,
    /// Bundle-relative.
    pub path: String,
}

/// A place in a manifest: 1-based, in Unicode scalars; `width` is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
    pub width: u32,
}

impl Place {
    #[must_use]
    pub fn new(line: u32, column: u32, width: u32) -> Self {
        Self {
            line,
            column,
            width: width.max(1),
        }
    }
}

/// A defect of a spec or its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
    /// Bundle-relative; none: the script's own `config`.
    pub file: Option<String>,
    pub place: Option<Place>,
    /// Key of the script at fault; none: the resource.
    pub key: Option<&'static str>,
}

impl Problem {
    /// A defect of the script, at one of the resource's keys.
    #[must_use]
    pub fn at_key(code: &'static str, key: &'static str, message: String) -> Self {
        Self {
            code,
            message,
            help: None,
            file: None,
            place: None,
            key: Some(key),
        }
    }

    /// A row of the manifest that cannot be used; its file is filled in by [`Problem::in_file`].
    #[must_use]
    pub fn at_row(place: Place, message: String) -> Self {
        Self {
            code: "E0502",
            message,
            help: None,
            file: None,
            place: Some(place),
            key: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn in_file(mut self, path: &str) -> Self {
        self.file = Some(path.to_owned());
        self
    }
}

/// What a resource turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub id: u32,
    pub fields: Vec<String>,
    pub keys: Vec<String>,
    /// A JSON object.
    pub facts: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: u64,
    /// Index into `Table::keys`.
    pub entry: u32,
    pub fields: Vec<String>,
    pub expires: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub size: u64,
    pub sha256: String,
    pub content: Vec<u8>,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    Exhausted,
    Expired,
    NotFound(String),
    Invalid(String),
    Other(String),
}

/// Text of the user's as a message shows it: in backquotes, short, without control characters.
#[must_use]
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut out = String::from("`");
    for (i, c) in text.chars().enumerate() {
        if i == LONGEST {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out.push('`');
    out
}
