//! The calls: what is said and moved for each, from the first command to the last reply.

use crate::action::{Call, Compiled, Format, Measure, Output, Place, Request};
use crate::data::{Channel, broken};
use crate::digest::Digest;
use crate::listing::{Endless, Lines, Style};
use crate::reply::Reply;
use crate::session::{Context, Session, expect};
use crate::source::Source;
use pmplab_net::{Failure, Net};
use pmplab_plugin::Value;
use pmplab_tasks::{Ended, Io, TcpStream, Users};
use std::rc::Rc;

/// Bytes read of a data connection at once; a host gives no more.
const READ: usize = 64 * 1024;
/// How long the reason of a broken upload is waited for, ns.
const REASON: u64 = 2_000_000_000;

/// One submission.
pub struct Job<N: Net> {
    pub action: Rc<Compiled>,
    pub user: u64,
    pub request: Request,
    pub place: Place,
    pub source: Option<Source>,
    pub users: Users<Session<N>>,
}

/// What a call found, as far as it came.
#[derive(Default)]
struct Found {
    reply: Option<Reply>,
    bytes: Option<u64>,
    checksum: Option<String>,
    size: Option<u64>,
    body: Vec<u8>,
    entries: String,
    count: Option<i64>,
    login: Option<u64>,
    transfer: Option<u64>,
}

/// Does a call from its first command to its last reply.
pub async fn run<N: Net>(io: Io<N>, job: Job<N>) -> Ended {
    let cx = Context {
        idle: job.request.idle,
        io,
    };
    let mut found = Found::default();
    let result = with_session(&cx, &job, &mut found).await;
    let answered = cx.io.progress().status.get();
    Ended {
        failure: result.err(),
        outputs: if answered.is_some() {
            let status = answered.map_or(Value::None, |code| Value::Integer(i64::from(code)));
            outputs(&job.action, &mut found, &status)
        } else {
            Vec::new()
        },
        measures: measures(&job.action, &found),
    }
}

async fn with_session<N: Net>(
    cx: &Context<N>,
    job: &Job<N>,
    found: &mut Found,
) -> Result<(), Failure> {
    let kept = loop {
        match job.users.take(job.user, |kept| kept.place == job.place) {
            // One that the server closed meanwhile is not used, and the next one is looked at.
            Some(session) if !session.is_whole() => {}
            other => break other,
        }
    };
    let mut session = match kept {
        Some(session) => session,
        None => {
            let began = cx.io.now();
            let session = Session::open(cx, job.place.clone()).await?;
            found.login = Some(cx.io.now() - began);
            session
        }
    };
    let result = call(cx, job, &mut session, found).await;
    if !session.spoiled && job.request.keep {
        if let Some(other) = job.users.keep(job.user, session) {
            other.quit();
        }
    } else {
        session.quit();
    }
    result
}

async fn call<N: Net>(
    cx: &Context<N>,
    job: &Job<N>,
    session: &mut Session<N>,
    found: &mut Found,
) -> Result<(), Failure> {
    let request = &job.request;
    let path = &request.path;
    let command = match job.action.call {
        Call::List => return list(cx, job, session, found).await,
        Call::Download => return download(cx, job, session, found).await,
        Call::Upload => return upload(cx, job, session, found).await,
        Call::Delete => format!("DELE {path}"),
        Call::Mkdir => format!("MKD {path}"),
        Call::Rmdir => format!("RMD {path}"),
        Call::Size => {
            let reply = session.ask(cx, &format!("SIZE {path}")).await?;
            found.size = size(&reply);
            return end(found, reply, &format!("SIZE {path}"));
        }
        Call::Rename => {
            let from = format!("RNFR {path}");
            let reply = session.ask(cx, &from).await?;
            if reply.class() != 3 {
                return end(found, reply, &from);
            }
            format!("RNTO {}", request.to)
        }
        Call::Command => {
            // The transfer type may be another one afterwards, and so may be where the session is.
            let reply = session.ask(cx, &request.command).await?;
            let verb = request.command.split(' ').next().unwrap_or_default();
            session.spoiled |= !HARMLESS.iter().any(|name| verb.eq_ignore_ascii_case(name));
            let command = &request.command;
            if reply.class() == 3 {
                found.reply = Some(reply);
                return Ok(());
            }
            return end(found, reply, command);
        }
    };
    let reply = session.ask(cx, &command).await?;
    end(found, reply, &command)
}

/// Commands after which a session is what it was before.
const HARMLESS: [&str; 9] = [
    "NOOP", "SITE", "STAT", "SYST", "FEAT", "HELP", "PWD", "MDTM", "SIZE",
];

/// Takes the last reply, which must say that it is done.
fn end(found: &mut Found, reply: Reply, command: &str) -> Result<(), Failure> {
    let result = expect(&reply, command, &[2]);
    found.reply = Some(reply);
    result.map(|_| ())
}

fn size(reply: &Reply) -> Option<u64> {
    (reply.code == 213).then(|| reply.text.trim().parse().ok())?
}

/// Begins a transfer: the command, and the data connection.
async fn begin<N: Net>(
    cx: &Context<N>,
    session: &mut Session<N>,
    found: &mut Found,
    channel: Channel<N>,
    command: &str,
) -> Result<TcpStream<N>, Failure> {
    let reply = session.ask(cx, command).await?;
    let begun = expect(&reply, command, &[1]);
    found.reply = Some(reply);
    begun?;
    session.stream(cx, channel).await
}

/// Ends a transfer: the reply that says how it went.
async fn finish<N: Net>(
    cx: &Context<N>,
    session: &mut Session<N>,
    found: &mut Found,
    command: &str,
) -> Result<(), Failure> {
    let what = format!("waiting for the end of {command}");
    cx.io.progress().stage(&what);
    let reply = session.reply(cx, &what).await?;
    end(found, reply, command)
}

/// Says from where a transfer goes on.
async fn restart<N: Net>(
    cx: &Context<N>,
    session: &mut Session<N>,
    offset: u64,
) -> Result<(), Failure> {
    if offset > 0 {
        let command = format!("REST {offset}");
        let reply = session.ask(cx, &command).await?;
        expect(&reply, &command, &[3])?;
    }
    Ok(())
}

async fn download<N: Net>(
    cx: &Context<N>,
    job: &Job<N>,
    session: &mut Session<N>,
    found: &mut Found,
) -> Result<(), Failure> {
    let request = &job.request;
    let wants = |output| job.action.outputs.contains(&output);
    let channel = session.channel(cx, request).await?;
    if wants(Output::Size) && !request.ascii {
        let reply = session.ask(cx, &format!("SIZE {}", request.path)).await?;
        found.size = size(&reply);
    }
    restart(cx, session, request.offset).await?;
    let command = format!("RETR {}", request.path);
    let began = cx.io.now();
    let stream = begin(cx, session, found, channel, &command).await?;
    cx.io.progress().stage("receiving the file");
    let keep = if wants(Output::Body) {
        job.action.max_body
    } else {
        0
    };
    let mut digest = Digest::new(request.checksum);
    let mut bytes = 0;
    found.bytes = Some(0);
    while let Some(piece) = receive(cx, &stream, bytes).await? {
        digest.update(&piece);
        let room = keep.saturating_sub(found.body.len()).min(piece.len());
        found.body.extend_from_slice(&piece[..room]);
        bytes += piece.len() as u64;
        found.bytes = Some(bytes);
    }
    drop(stream);
    finish(cx, session, found, &command).await?;
    found.transfer = Some(cx.io.now() - began);
    if let Some(size) = found.size
        && size.saturating_sub(request.offset) != bytes
    {
        let message = format!(
            "{bytes} bytes came from {}, and the file has {size}",
            request.offset
        );
        return Err(Failure::new("protocol.ftp.short", message));
    }
    verify(found, digest, request)
}

async fn receive<N: Net>(
    cx: &Context<N>,
    stream: &TcpStream<N>,
    so_far: u64,
) -> Result<Option<Vec<u8>>, Failure> {
    cx.patiently("receiving data", stream.read(READ))
        .await
        .map_err(|why| {
            let what = format!("the data connection broke after {so_far} bytes");
            broken(&what, &why)
        })
}

fn verify(found: &mut Found, digest: Digest, request: &Request) -> Result<(), Failure> {
    found.checksum = digest.hex();
    match (&request.expected, &found.checksum) {
        (Some(expected), Some(is)) if expected != is => Err(Failure::new(
            "protocol.ftp.checksum",
            format!("the checksum is {is}, and {expected} was expected"),
        )),
        _ => Ok(()),
    }
}

async fn upload<N: Net>(
    cx: &Context<N>,
    job: &Job<N>,
    session: &mut Session<N>,
    found: &mut Found,
) -> Result<(), Failure> {
    let request = &job.request;
    let Some(source) = &job.source else {
        return Err(Failure::bad_value("there is nothing to upload"));
    };
    found.size = i64::try_from(source.size()).ok().map(i64::unsigned_abs);
    let channel = session.channel(cx, request).await?;
    let command = if request.append {
        format!("APPE {}", request.path)
    } else {
        restart(cx, session, request.offset).await?;
        format!("STOR {}", request.path)
    };
    let began = cx.io.now();
    let stream = begin(cx, session, found, channel, &command).await?;
    cx.io.progress().stage("sending the file");
    let mut digest = Digest::new(request.checksum);
    let mut bytes = 0;
    found.bytes = Some(0);
    loop {
        let piece = source.piece(request.offset + bytes)?;
        if piece.is_empty() {
            break;
        }
        digest.update(&piece);
        let wrote = cx.patiently("sending data", stream.write_all(&piece)).await;
        if let Err(why) = wrote {
            return Err(reason(cx, session, found, &command, bytes, &why).await);
        }
        bytes += piece.len() as u64;
        found.bytes = Some(bytes);
    }
    let ended = cx.patiently("sending the last data", stream.finish()).await;
    if let Err(why) = ended {
        return Err(reason(cx, session, found, &command, bytes, &why).await);
    }
    drop(stream);
    finish(cx, session, found, &command).await?;
    found.transfer = Some(cx.io.now() - began);
    verify(found, digest, request)
}

/// Why a server took no more data: what it says, if it says it soon, else what the network says.
async fn reason<N: Net>(
    cx: &Context<N>,
    session: &mut Session<N>,
    found: &mut Found,
    command: &str,
    bytes: u64,
    why: &Failure,
) -> Failure {
    let what = format!("the data connection broke after {bytes} bytes");
    let failure = broken(&what, why);
    if failure.kind.starts_with("timeout.") {
        return failure;
    }
    let soon = Context {
        io: cx.io.clone(),
        idle: cx.idle.min(REASON),
    };
    match session.reply(&soon, "waiting for a reason").await {
        Ok(reply) => end(found, reply, command).err().unwrap_or(failure),
        Err(_) => failure,
    }
}

async fn list<N: Net>(
    cx: &Context<N>,
    job: &Job<N>,
    session: &mut Session<N>,
    found: &mut Found,
) -> Result<(), Failure> {
    let request = &job.request;
    loop {
        let (verb, style) = match request.format {
            Format::Auto if session.mlsd => ("MLSD", Style::Facts),
            Format::Auto | Format::List => ("LIST", Style::Long),
            Format::Mlsd => ("MLSD", Style::Facts),
            Format::Nlst => ("NLST", Style::Names),
        };
        let command = format!("{verb} {}", request.path);
        let command = command.trim_end();
        let channel = session.channel(cx, request).await?;
        let began = cx.io.now();
        let stream = match begin(cx, session, found, channel, command).await {
            Ok(stream) => stream,
            // Not known, or not for this server's listings: it is asked as servers always could be.
            Err(_)
                if request.format == Format::Auto
                    && verb == "MLSD"
                    && found.reply.as_ref().is_some_and(unknown) =>
            {
                session.mlsd = false;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        cx.io.progress().stage("receiving the listing");
        gather(cx, job, session, found, &stream, style).await?;
        drop(stream);
        finish(cx, session, found, command).await?;
        found.transfer = Some(cx.io.now() - began);
        return Ok(());
    }
}

fn unknown(reply: &Reply) -> bool {
    matches!(reply.code, 500 | 501 | 502 | 504)
}

/// Reads a listing; what the run does not use is counted and dropped.
async fn gather<N: Net>(
    cx: &Context<N>,
    job: &Job<N>,
    session: &mut Session<N>,
    found: &mut Found,
    stream: &TcpStream<N>,
    style: Style,
) -> Result<(), Failure> {
    let wants = |output| job.action.outputs.contains(&output);
    let (entries, body) = (wants(Output::Entries), wants(Output::Body));
    let max = job.action.max_body;
    let mut lines = Lines::new(style);
    let (mut bytes, mut count) = (0, 0);
    let mut text = String::new();
    let mut each = |entry: crate::listing::Entry| {
        count += 1;
        if entries {
            let json = entry.json().to_string();
            if text.len() + json.len() < max {
                text.push(if text.is_empty() { '[' } else { ',' });
                text.push_str(&json);
            }
        }
    };
    let endless = |_: Endless| {
        let message = "a line of the listing has no end";
        Failure::new("protocol.ftp.malformed", message)
    };
    while let Some(piece) = receive(cx, stream, bytes).await? {
        bytes += piece.len() as u64;
        found.bytes = Some(bytes);
        if body {
            let room = max.saturating_sub(found.body.len()).min(piece.len());
            found.body.extend_from_slice(&piece[..room]);
        }
        let fed = lines.feed(&piece, &mut each);
        session.spoiled |= fed.is_err();
        fed.map_err(endless)?;
    }
    lines.end(&mut each).map_err(endless)?;
    text.push_str(if text.is_empty() { "[]" } else { "]" });
    found.bytes = Some(bytes);
    found.entries = text;
    found.count = Some(count);
    Ok(())
}

fn outputs(action: &Compiled, found: &mut Found, status: &Value) -> Vec<Value> {
    let number = |n: Option<u64>| {
        n.and_then(|n| i64::try_from(n).ok())
            .map_or(Value::None, Value::Integer)
    };
    let one = |output: &Output| match output {
        Output::Status => status.clone(),
        Output::Text => found
            .reply
            .as_ref()
            .map_or(Value::None, |reply| Value::Text(reply.text.clone())),
        Output::Bytes => number(found.bytes),
        Output::Checksum => found.checksum.clone().map_or(Value::None, Value::Text),
        Output::Size => number(found.size),
        Output::Body if found.bytes.is_none() => Value::None,
        Output::Body => String::from_utf8(std::mem::take(&mut found.body))
            .map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text),
        Output::Entries if found.count.is_none() => Value::None,
        Output::Entries => Value::Json(std::mem::take(&mut found.entries)),
        Output::Count => found.count.map_or(Value::None, Value::Integer),
    };
    action.outputs.iter().map(one).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a measure is a float")]
fn measures(action: &Compiled, found: &Found) -> Vec<(u32, f64)> {
    let ms = |ns: u64| ns as f64 / 1e6;
    let one = |measure: &Measure| match measure {
        Measure::Login => found.login.map(ms),
        Measure::Transfer => found.transfer.map(ms),
        Measure::Rate => found
            .bytes
            .zip(found.transfer)
            .filter(|(_, ns)| *ns > 0)
            .map(|(bytes, ns)| bytes as f64 * 1e9 / ns as f64),
    };
    (0..)
        .zip(&action.measures)
        .filter_map(|(index, measure)| one(measure).map(|value| (index, value)))
        .collect()
}
