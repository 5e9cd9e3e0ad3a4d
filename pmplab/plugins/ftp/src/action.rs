//! An action as `prepare` compiles it, and the request that it makes of a call's parameters.

use crate::digest::Kind;
use crate::slot;
use crate::url::{self, Url};
use pmplab_plugin::{ActionSpec, Failure, Refusal, Value};

/// What a script may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    List,
    Download,
    Upload,
    Delete,
    Rename,
    Mkdir,
    Rmdir,
    Size,
    Command,
}

/// How a listing is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// MLSD where the server has it, else LIST.
    Auto,
    Mlsd,
    List,
    Nlst,
}

/// What an outcome may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Status,
    Text,
    Bytes,
    Checksum,
    Size,
    Body,
    Entries,
    Count,
}

/// What is measured of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Login,
    Transfer,
    Rate,
}

/// Whom a session is with, as whom, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    /// Where the session went after its login.
    pub directory: Option<String>,
}

/// Everything that a call is told.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a parameter of the script's"
)]
pub struct Request {
    url: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    directory: Option<String>,
    pub path: String,
    pub to: String,
    pub data: Option<Vec<u8>>,
    pub file: Option<String>,
    pub offset: u64,
    pub append: bool,
    pub ascii: bool,
    pub active: bool,
    pub trust_address: bool,
    pub format: Format,
    pub checksum: Kind,
    pub expected: Option<String>,
    /// ns without a byte before a session is given up.
    pub idle: u64,
    pub keep: bool,
    pub command: String,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            url: None,
            host: None,
            port: None,
            user: None,
            password: None,
            directory: None,
            path: String::new(),
            to: String::new(),
            data: None,
            file: None,
            offset: 0,
            append: false,
            ascii: false,
            active: false,
            trust_address: false,
            format: Format::Auto,
            checksum: Kind::Crc32,
            expected: None,
            idle: 60_000_000_000,
            keep: true,
            command: String::new(),
        }
    }
}

impl Request {
    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        if *value == Value::None {
            return Ok(());
        }
        match key {
            "url" => self.url = Some(slot::line(value)?),
            "host" => self.host = Some(slot::line(value)?),
            "port" => {
                let port = u16::try_from(slot::count(value)?)
                    .ok()
                    .filter(|port| *port > 0);
                self.port = Some(port.ok_or("must be a port from 1 to 65535")?);
            }
            "user" => self.user = Some(slot::line(value)?),
            "password" => self.password = Some(slot::line(value)?),
            "directory" => self.directory = Some(slot::line(value)?),
            "path" => self.path = slot::line(value)?,
            "to" => self.to = slot::line(value)?,
            "data" => self.data = Some(slot::bytes(value)),
            "file" => self.file = Some(slot::line(value)?),
            "offset" => self.offset = slot::count(value)?,
            "append" => self.append = slot::boolean(value)?,
            "type" => self.ascii = slot::second(value, "binary", "ascii")?,
            "mode" => self.active = slot::second(value, "passive", "active")?,
            "trust-address" => self.trust_address = slot::boolean(value)?,
            "format" => {
                self.format = match slot::line(value)?.to_ascii_lowercase().as_str() {
                    "auto" => Format::Auto,
                    "mlsd" => Format::Mlsd,
                    "list" => Format::List,
                    "nlst" => Format::Nlst,
                    _ => return Err("must be auto, mlsd, list or nlst".to_owned()),
                }
            }
            "checksum" => self.checksum = slot::checksum(value)?,
            "expect-checksum" => self.expected = Some(slot::line(value)?.to_ascii_lowercase()),
            "idle-timeout" => self.idle = slot::duration(value)?,
            "keep" => self.keep = slot::boolean(value)?,
            "command" => self.command = slot::line(value)?,
            _ => return Err("is not a parameter of ftp".to_owned()),
        }
        Ok(())
    }

    /// Fills in what the URL says, and looks whether the call can be made.
    fn place(&mut self, call: Call) -> Result<Place, Failure> {
        let url = match (&self.url, &self.host) {
            (Some(text), _) => url::parse(text).map_err(Failure::bad_value)?,
            (None, Some(host)) => Url {
                user: None,
                password: None,
                host: host.clone(),
                port: 21,
                path: String::new(),
            },
            (None, None) => {
                return Err(Failure::new(
                    "config.missing-url",
                    "neither `url` nor `host` says where to",
                ));
            }
        };
        if self.path.is_empty() {
            self.path = url.path;
        }
        let need = |given: bool, what: &str| {
            let why = || Failure::bad_value(format!("`{what}` is missing"));
            given.then_some(()).ok_or_else(why)
        };
        need(
            matches!(call, Call::List | Call::Command) || !self.path.is_empty(),
            "path",
        )?;
        need(call != Call::Rename || !self.to.is_empty(), "to")?;
        need(call != Call::Command || !self.command.is_empty(), "command")?;
        need(
            call != Call::Upload || self.data.is_some() || self.file.is_some(),
            "data` or `file",
        )?;
        let place = Place {
            host: self.host.clone().unwrap_or(url.host),
            port: self.port.unwrap_or(url.port),
            user: self
                .user
                .clone()
                .or(url.user)
                .unwrap_or_else(|| "anonymous".to_owned()),
            password: self
                .password
                .clone()
                .or(url.password)
                .unwrap_or_else(|| "pmplab@".to_owned()),
            directory: self.directory.clone(),
        };
        // A URL may bring what a parameter may not.
        for text in [&self.path, &place.user, &place.password] {
            slot::line(&Value::Text(text.clone()))
                .map_err(|why| Failure::bad_value(format!("a part of the URL {why}")))?;
        }
        Ok(place)
    }
}

/// An action, ready to be submitted any number of times.
#[derive(Debug)]
pub struct Compiled {
    pub call: Call,
    pub outputs: Vec<Output>,
    pub measures: Vec<Measure>,
    pub timeout: Option<u64>,
    pub max_body: usize,
    base: Request,
    /// Parameter that each value of a submission fills.
    holes: Vec<String>,
}

impl Compiled {
    /// Compiles an action of the plan.
    ///
    /// # Errors
    /// An unknown call or parameter, or a value that cannot be used.
    pub fn new(spec: &ActionSpec) -> Result<Self, Refusal> {
        let call = match spec.call.as_str() {
            "list" => Call::List,
            "download" => Call::Download,
            "upload" => Call::Upload,
            "delete" => Call::Delete,
            "rename" => Call::Rename,
            "mkdir" => Call::Mkdir,
            "rmdir" => Call::Rmdir,
            "size" => Call::Size,
            "command" => Call::Command,
            other => return Err(Refusal::UnknownCall(other.to_owned())),
        };
        let wrong = Refusal::InvalidParameter;
        let text = Some(spec.params.trim()).filter(|text| !text.is_empty());
        let params: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text.unwrap_or("{}"))
                .map_err(|why| wrong(format!("params are not a JSON object: {why}")))?;
        let holes: Vec<String> = spec
            .holes
            .iter()
            .map(|pointer| hole(pointer, &params).map_err(wrong))
            .collect::<Result<_, _>>()?;
        let mut base = Request::default();
        for (key, value) in &params {
            base.set(key, &slot::known(value))
                .map_err(|why| wrong(format!("`{key}` {why}")))?;
        }
        for key in &holes {
            // That the parameter exists is known now; what it will hold, when it comes.
            if Request::default().set(key, &Value::Text("0".to_owned()))
                == Err("is not a parameter of ftp".to_owned())
            {
                return Err(wrong(format!("`{key}` is not a parameter of ftp")));
            }
        }
        Ok(Self {
            call,
            outputs: spec
                .outputs
                .iter()
                .map(|name| output(name).map_err(wrong))
                .collect::<Result<_, _>>()?,
            measures: spec
                .measures
                .iter()
                .map(|name| measure(name).map_err(wrong))
                .collect::<Result<_, _>>()?,
            timeout: spec.timeout,
            max_body: usize::try_from(spec.max_body).unwrap_or(usize::MAX),
            base,
            holes,
        })
    }

    /// The request of one submission.
    ///
    /// # Errors
    /// `config.*`: the values cannot be used.
    pub fn request(&self, params: &[Value]) -> Result<(Request, Place), Failure> {
        let mut request = self.base.clone();
        for (key, value) in self.holes.iter().zip(params) {
            request
                .set(key, value)
                .map_err(|why| Failure::bad_value(format!("`{key}` {why}")))?;
        }
        let place = request.place(self.call)?;
        Ok((request, place))
    }
}

/// The parameter that a hole stands for: all of them are scalars.
fn hole(
    pointer: &str,
    params: &serde_json::Map<String, serde_json::Value>,
) -> Result<String, String> {
    pointer
        .strip_prefix('/')
        .filter(|key| params.contains_key(*key))
        .map(str::to_owned)
        .ok_or_else(|| {
            format!("hole `{pointer}` stands within a parameter, and those of ftp are scalars")
        })
}

fn output(name: &str) -> Result<Output, String> {
    Ok(match name {
        "status" => Output::Status,
        "text" => Output::Text,
        "bytes" => Output::Bytes,
        "checksum" => Output::Checksum,
        "size" => Output::Size,
        "body" => Output::Body,
        "entries" => Output::Entries,
        "count" => Output::Count,
        _ => return Err(format!("`{name}` is not an output of ftp")),
    })
}

fn measure(name: &str) -> Result<Measure, String> {
    Ok(match name {
        "login_ms" => Measure::Login,
        "transfer_ms" => Measure::Transfer,
        "rate_bytes_per_s" => Measure::Rate,
        _ => return Err(format!("`{name}` is not a measure of ftp")),
    })
}
