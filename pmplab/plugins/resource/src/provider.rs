//! The provider: resources by id, and the leases on all of them.

use crate::about::{About, about};
use crate::blob::{Blob, Files};
use crate::digest::sha256;
use crate::kv::Store;
use crate::manifest::{self, Format};
use crate::model::{File, Lease, Manifest, Problem, Refusal, Spec, Table, shown};
use crate::near::near;
use crate::pool::{Pool, Shard, Terms};
use crate::table;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

#[derive(Debug)]
enum Resource {
    Pool(Pool),
    Blob(Blob),
    Store(Store),
}

impl Resource {
    fn noun(&self) -> &'static str {
        match self {
            Self::Pool(_) => "a pair_pool",
            Self::Blob(_) => "a file_blob",
            Self::Store(_) => "a kv_store",
        }
    }

    fn refuse<T>(&self, what: &str) -> Result<T, Refusal> {
        Err(Refusal::Invalid(format!(
            "{} cannot be {what}",
            self.noun()
        )))
    }
}

/// A lease that is live.
#[derive(Debug)]
struct Held {
    resource: usize,
    entry: usize,
    expires: Option<u64>,
}

/// The whole state of the component.
pub struct Provider {
    files: Option<Box<dyn Files>>,
    about: About,
    resources: Vec<Resource>,
    live: HashMap<u64, Held>,
    /// End and id of the leases that end by themselves.
    ends: BTreeSet<(u64, u64)>,
    /// Leases given so far.
    given: u64,
    shard: Shard,
}

impl Provider {
    /// `files` is the bundle, where the component was granted it.
    #[must_use]
    pub fn new(files: Option<Box<dyn Files>>) -> Self {
        Self {
            files,
            about: about(),
            resources: Vec::new(),
            live: HashMap::new(),
            ends: BTreeSet::new(),
            given: 0,
            shard: Shard::WHOLE,
        }
    }

    /// Reads and checks a resource.
    ///
    /// # Errors
    /// All its defects.
    pub fn open(&mut self, spec: &Spec) -> Result<Table, Vec<Problem>> {
        let id = u32::try_from(self.resources.len()).unwrap_or(u32::MAX);
        let mut problems = self.unbound(spec);
        let config = match serde_json::from_str(&spec.config) {
            Ok(config @ Value::Object(_)) => config,
            Ok(Value::Null) => json!({}),
            _ => {
                return Err(vec![Problem::at_key(
                    "E0104",
                    "config",
                    "`config` must be a mapping".into(),
                )]);
            }
        };
        let opened = match spec.kind.as_str() {
            "pair_pool" => self.open_pool(spec, &config, id),
            "file_blob" => Blob::open(&config, self.files.as_deref()).map(|blob| {
                let table = Table {
                    id,
                    fields: self
                        .about
                        .fields
                        .get("file_blob")
                        .cloned()
                        .unwrap_or_default(),
                    keys: Vec::new(),
                    facts: blob.facts().to_string(),
                };
                (Resource::Blob(blob), table)
            }),
            "kv_store" => Store::new(&spec.name, spec.manifest.as_ref(), &config).map(|store| {
                let mut facts = source(spec.manifest.as_ref());
                facts["keys"] = store.len().into();
                let table = Table {
                    id,
                    fields: Vec::new(),
                    keys: Vec::new(),
                    facts: facts.to_string(),
                };
                (Resource::Store(store), table)
            }),
            other => Err(vec![self.unknown_type(other)]),
        };
        match opened {
            Ok((resource, table)) if problems.is_empty() => {
                self.resources.push(resource);
                Ok(table)
            }
            Ok(_) => Err(problems),
            Err(found) => {
                problems.extend(found);
                Err(problems)
            }
        }
    }

    fn open_pool(
        &mut self,
        spec: &Spec,
        config: &Value,
        id: u32,
    ) -> Result<(Resource, Table), Vec<Problem>> {
        let one = |problem| vec![problem];
        let settings = Settings::of(config)?;
        let manifest = spec.manifest.as_ref().ok_or_else(|| {
            one(
                Problem::at_key("E0103", "config", "missing `manifest`".into())
                    .help("`manifest: ./resource.yaml`"),
            )
        })?;
        let mut rows = manifest::rows(
            &manifest.text,
            &spec.name,
            settings.format,
            &settings.fields,
        )
        .map_err(|problems| {
            problems
                .into_iter()
                .map(|p| p.in_file(&manifest.path))
                .collect::<Vec<_>>()
        })?;
        let mut facts = source(Some(manifest));
        facts["rows"] = rows.len().into();
        if let Some(size) = spec.size {
            let used = usize::try_from(size).unwrap_or(usize::MAX);
            if used == 0 {
                return Err(one(Problem::at_key(
                    "E0405",
                    "capacity.size",
                    "`size` must be at least 1".into(),
                )));
            }
            if used > rows.len() {
                let message = format!(
                    "`size` is {size}, but {} has {} rows",
                    shown(&manifest.path),
                    rows.len()
                );
                let problem = Problem::at_key("E0504", "capacity.size", message);
                return Err(one(problem.help(format!(
                    "set `size: {}`, or add {} rows",
                    rows.len(),
                    used - rows.len()
                ))));
            }
            rows.truncate(used);
        }
        facts["entries"] = rows.len().into();
        let keys = table::keys(&rows);
        let terms = Terms {
            strategy: &spec.strategy,
            holders: spec.holders,
            ttl: spec.ttl,
            seed: stream(settings.seed, &spec.name, settings.shard),
            shard: settings.shard,
        };
        let pool = Pool::new(rows, terms).ok_or_else(|| {
            let known = ["round-robin", "least-used", "random", "sticky"];
            let message = format!("{} is no strategy", shown(&spec.strategy));
            let problem = Problem::at_key("E0503", "provider.leasing.strategy", message);
            one(problem.help(match near(&spec.strategy, known.into_iter()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("one of {}", known.join(", ")),
            }))
        })?;
        self.shard = settings.shard;
        Ok((
            Resource::Pool(pool),
            Table {
                id,
                fields: settings.fields,
                keys,
                facts: facts.to_string(),
            },
        ))
    }

    /// Leases an entry to `holder`.
    ///
    /// # Errors
    /// `Exhausted` when nothing is free; `NotFound` and `Invalid` for a wrong resource.
    pub fn allocate(&mut self, resource: u32, holder: u64, now: u64) -> Result<Lease, Refusal> {
        let index = resource as usize;
        let pool = match self.resources.get_mut(index) {
            Some(Resource::Pool(pool)) => pool,
            Some(other) => return other.refuse("leased"),
            None => return unknown(resource),
        };
        let entry = pool.acquire(holder).ok_or(Refusal::Exhausted)?;
        let expires = pool.end(now);
        // Leases of all shards differ, as do their users.
        let id = self.given * u64::from(self.shard.of) + u64::from(self.shard.index);
        self.given += 1;
        self.ends.extend(expires.map(|end| (end, id)));
        let lease = Lease {
            id,
            entry: u32::try_from(entry).unwrap_or(u32::MAX),
            fields: pool.row(entry).to_vec(),
            expires,
        };
        self.live.insert(
            id,
            Held {
                resource: index,
                entry,
                expires,
            },
        );
        Ok(lease)
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// `Expired` when it has ended before, `NotFound` when it was never given.
    pub fn release(&mut self, lease: u64) -> Result<(), Refusal> {
        if self.end(lease) {
            Ok(())
        } else {
            Err(self.gone(lease))
        }
    }

    /// Prolongs a lease by its ttl from `now`; returns the new end.
    ///
    /// # Errors
    /// `Expired` when its time is over, `NotFound` when it was never given.
    pub fn renew(&mut self, lease: u64, now: u64) -> Result<Option<u64>, Refusal> {
        let Some(held) = self.live.get_mut(&lease) else {
            return Err(self.gone(lease));
        };
        let Some(end) = held.expires else {
            return Ok(None);
        };
        if end <= now {
            return Err(Refusal::Expired);
        }
        if let Some(Resource::Pool(pool)) = self.resources.get(held.resource) {
            held.expires = pool.end(now);
        }
        self.ends.remove(&(end, lease));
        self.ends.extend(held.expires.map(|end| (end, lease)));
        Ok(held.expires)
    }

    /// Ends the leases whose time is over, in the order of their ends.
    pub fn expire(&mut self, now: u64) -> Vec<u64> {
        let mut ended = Vec::new();
        while let Some(&(end, lease)) = self.ends.first()
            && end <= now
        {
            self.end(lease);
            ended.push(lease);
        }
        ended
    }

    /// Opens a file again.
    ///
    /// # Errors
    /// `Other` when it changed or cannot be read.
    pub fn mount(&self, resource: u32) -> Result<File, Refusal> {
        match self.resources.get(resource as usize) {
            Some(Resource::Blob(blob)) => blob.mount(self.files.as_deref()),
            Some(other) => other.refuse("mounted"),
            None => unknown(resource),
        }
    }

    /// Reads a key of a store.
    ///
    /// # Errors
    /// `NotFound` and `Invalid` for a wrong resource.
    pub fn get(&mut self, resource: u32, key: &str) -> Result<Option<String>, Refusal> {
        Ok(self.store(resource)?.get(key))
    }

    /// Writes a key of a store.
    ///
    /// # Errors
    /// `Invalid` when the value is no JSON; `NotFound` and `Invalid` for a wrong resource.
    pub fn put(&mut self, resource: u32, key: String, value: String) -> Result<(), Refusal> {
        self.store(resource)?.put(key, value)
    }

    /// Deletes a key of a store; false: it was not there.
    ///
    /// # Errors
    /// `NotFound` and `Invalid` for a wrong resource.
    pub fn delete(&mut self, resource: u32, key: &str) -> Result<bool, Refusal> {
        Ok(self.store(resource)?.delete(key))
    }

    /// The run is over: ends all leases, returns them in order, and forgets the resources.
    pub fn close(&mut self) -> Vec<u64> {
        let mut ended: Vec<u64> = self.live.keys().copied().collect();
        ended.sort_unstable();
        for &lease in &ended {
            self.end(lease);
        }
        self.resources.clear();
        ended
    }

    fn end(&mut self, lease: u64) -> bool {
        let Some(held) = self.live.remove(&lease) else {
            return false;
        };
        if let Some(end) = held.expires {
            self.ends.remove(&(end, lease));
        }
        if let Some(Resource::Pool(pool)) = self.resources.get_mut(held.resource) {
            pool.release(held.entry);
        }
        true
    }

    fn gone(&self, lease: u64) -> Refusal {
        let (index, of) = (u64::from(self.shard.index), u64::from(self.shard.of));
        if lease % of == index && lease / of < self.given {
            Refusal::Expired
        } else {
            Refusal::NotFound(format!("lease {lease}"))
        }
    }

    fn store(&mut self, resource: u32) -> Result<&mut Store, Refusal> {
        match self.resources.get_mut(resource as usize) {
            Some(Resource::Store(store)) => Ok(store),
            Some(other) => other.refuse("read or written by key"),
            None => unknown(resource),
        }
    }

    /// Roles bound to a capability that cannot play them.
    fn unbound(&self, spec: &Spec) -> Vec<Problem> {
        let plays = [
            ("acquire", "allocate_pair", "provider.calls.acquire"),
            ("release", "release_pair", "provider.calls.release"),
            ("mount", "mount_file", "provider.calls.mount"),
        ];
        let wrong = |(role, call): &(String, String)| {
            let &(_, right, key) = plays.iter().find(|(name, ..)| name == role)?;
            let message = format!("{} cannot {role}", shown(call));
            (call != right)
                .then(|| Problem::at_key("E0505", key, message).help(format!("`{role}: {right}`")))
        };
        spec.calls.iter().filter_map(wrong).collect()
    }

    fn unknown_type(&self, kind: &str) -> Problem {
        let provides = &self.about.provides;
        let message = format!("{} provides no {}", self.about.name, shown(kind));
        Problem::at_key("E0505", "type", message).help(
            match near(kind, provides.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("one of {}", provides.join(", ")),
            },
        )
    }
}

fn unknown<T>(resource: u32) -> Result<T, Refusal> {
    Err(Refusal::NotFound(format!("resource {resource}")))
}

/// Facts about a manifest.
fn source(manifest: Option<&Manifest>) -> Value {
    match manifest {
        Some(Manifest { text, path }) => {
            json!({"path": path, "size": text.len(), "sha256": sha256(text.as_bytes())})
        }
        None => json!({}),
    }
}

/// `config` of a pool.
struct Settings {
    format: Format,
    fields: Vec<String>,
    seed: u64,
    shard: Shard,
}

impl Settings {
    fn of(config: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let format = match config.pointer("/parser/format") {
            None | Some(Value::Null) => Ok(Format::Csv),
            Some(Value::String(name)) => Format::named(name).ok_or_else(|| unknown_format(name)),
            Some(other) => Err(unknown_format(&other.to_string())),
        };
        let format = format.map_err(|problem| problems.push(problem)).ok();
        let fields = match config.pointer("/parser/fields") {
            None | Some(Value::Null) => Ok(vec!["ip".to_owned(), "port".to_owned()]),
            Some(given) => fields(given),
        };
        let fields = fields.map_err(|problem| problems.push(problem)).ok();
        // The script's own, else the run's, which the core (never a script) adds; a check has neither and leases nothing.
        let seed = ["seed", "pmplab:seed"]
            .iter()
            .find_map(|key| config.get(*key)?.as_u64())
            .unwrap_or_default();
        match (format, fields) {
            (Some(format), Some(fields)) => Ok(Self {
                format,
                fields,
                seed,
                shard: shard(config),
            }),
            _ => Err(problems),
        }
    }
}

fn unknown_format(name: &str) -> Problem {
    let problem = Problem::at_key(
        "E0502",
        "config.parser.format",
        format!("{} is no format of a manifest", shown(name)),
    );
    problem.help(match near(name, Format::NAMES.into_iter()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("one of {}", Format::NAMES.join(", ")),
    })
}

fn fields(given: &Value) -> Result<Vec<String>, Problem> {
    let problem = |message: String| {
        Problem::at_key("E0104", "config.parser.fields", message).help("`fields: [ip, port]`")
    };
    let names: Option<Vec<&str>> = given
        .as_array()
        .and_then(|list| list.iter().map(Value::as_str).collect());
    let names = names
        .filter(|names| !names.is_empty())
        .ok_or_else(|| problem("`fields` must be a list of names".into()))?;
    let mut seen = BTreeSet::new();
    match names
        .iter()
        .find(|name| name.trim().is_empty() || !seen.insert(**name))
    {
        Some(name) if name.trim().is_empty() => Err(problem("a name in `fields` is empty".into())),
        Some(name) => Err(problem(format!("{} stands twice in `fields`", shown(name)))),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// The seed of one pool of one shard: pools of a run must not draw alike, nor must its shards, whatever the seed.
fn stream(seed: u64, name: &str, shard: Shard) -> u64 {
    let text = format!("{seed}/{}/{}/{name}", shard.index, shard.of);
    u64::from_str_radix(&sha256(text.as_bytes())[..16], 16).unwrap_or(seed)
}

/// `pmplab:shard`, which the core (never a script) adds to `config` for a run.
fn shard(config: &Value) -> Shard {
    let number = |key: &str| {
        config
            .get("pmplab:shard")?
            .get(key)?
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
    };
    match (number("index"), number("of")) {
        (Some(index), Some(of)) if index < of => Shard { index, of },
        _ => Shard::WHOLE,
    }
}
