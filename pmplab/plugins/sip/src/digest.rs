//! Digest authentication (RFC 2617, RFC 7616, RFC 8760): MD5 and SHA-256, with `qop=auth` or without.

use crate::header::{param, split};
use md5::Digest as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

/// What a 401 or 407 asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    named: bool,
    auth: bool,
    /// The nonce before was too old, the password was not wrong.
    pub stale: bool,
}

impl Challenge {
    /// The strongest challenge among the header's lines that can be met.
    #[must_use]
    pub fn best<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        lines
            .filter_map(Self::parse)
            .max_by_key(|found| found.algorithm)
    }

    fn parse(line: &str) -> Option<Self> {
        let (scheme, rest) = line.split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        // The commas of a challenge are what semicolons are elsewhere.
        let list: String = split(rest, b',').flat_map(|part| [";", part]).collect();
        let get = |name: &str| param(&list, name).map(str::to_owned);
        let algorithm = match get("algorithm") {
            None => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("MD5") => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let qop = get("qop");
        let auth = qop.as_deref().is_some_and(|list| {
            list.split(',')
                .any(|one| one.trim().eq_ignore_ascii_case("auth"))
        });
        if qop.is_some() && !auth {
            return None;
        }
        Some(Self {
            realm: get("realm")?,
            nonce: get("nonce")?,
            opaque: get("opaque"),
            named: get("algorithm").is_some(),
            algorithm,
            auth,
            stale: get("stale").is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Authorization` or `Proxy-Authorization`.
    #[must_use]
    pub fn answer(
        &self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> String {
        let hash = |text: &str| self.hash(text);
        let secret = hash(&format!("{user}:{}:{password}", self.realm));
        let asked = hash(&format!("{method}:{uri}"));
        let nonce = &self.nonce;
        let response = if self.auth {
            hash(&format!("{secret}:{nonce}:00000001:{cnonce}:auth:{asked}"))
        } else {
            hash(&format!("{secret}:{nonce}:{asked}"))
        };
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\"",
            self.realm
        );
        if self.named {
            value.push_str(match self.algorithm {
                Algorithm::Md5 => ", algorithm=MD5",
                Algorithm::Sha256 => ", algorithm=SHA-256",
            });
        }
        if self.auth {
            value.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{opaque}\""));
        }
        value
    }

    fn hash(&self, text: &str) -> String {
        match self.algorithm {
            Algorithm::Md5 => hex(&md5::Md5::digest(text.as_bytes())),
            Algorithm::Sha256 => hex(&sha2::Sha256::digest(text.as_bytes())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        let line = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let lines = [line("MD5"), line("SHA-256"), line("SHA-512-256")];
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let answer = |challenge: Challenge| {
            challenge.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", cnonce)
        };
        let weak = Challenge::best(lines[..1].iter().map(String::as_str)).unwrap();
        assert!(answer(weak).contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""));
        let strong = answer(Challenge::best(lines.iter().map(String::as_str)).unwrap());
        assert!(strong.contains(
            "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""
        ));
        assert!(strong.contains("opaque=\"FQhe"));
    }

    #[test]
    fn without_qop_the_answer_is_that_of_rfc_2069_and_unknown_schemes_are_not_met() {
        let plain =
            Challenge::best(["Digest realm=\"r\", nonce=\"n\", stale=TRUE"].into_iter()).unwrap();
        assert!(plain.stale);
        let answer = plain.answer("u", "p", "REGISTER", "sip:h", "c");
        assert!(!answer.contains("qop") && !answer.contains("algorithm"));
        for line in [
            "Basic realm=\"r\"",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        ] {
            assert_eq!(Challenge::best([line].into_iter()), None, "{line}");
        }
    }
}
