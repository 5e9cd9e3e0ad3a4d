//! What a provider is told of the run: its seed, and which part of a pool is this shard's.

use pmplab_dsl::ResourceSpec;
use serde_json::{Value as Json, json};

/// One shard of a run, as its providers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    pub seed: u64,
    pub shard: u64,
    pub of: u64,
}

impl Portion {
    /// The spec as it is opened for a run: its `config` says the seed and the shard, whatever the script wrote there.
    #[must_use]
    pub fn told(self, spec: &ResourceSpec) -> ResourceSpec {
        let mut spec = spec.clone();
        if let Ok(Json::Object(mut config)) = serde_json::from_str(&spec.config) {
            let shard = json!({"index": self.shard, "of": self.of});
            config.insert("pmplab:seed".to_owned(), json!(self.seed));
            config.insert("pmplab:shard".to_owned(), shard);
            spec.config = Json::Object(config).to_string();
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(portion: Portion, before: &str) -> Json {
        let spec = ResourceSpec {
            name: "pool".into(),
            config: before.into(),
            ..ResourceSpec::default()
        };
        let told = portion.told(&spec);
        assert_eq!(told.name, "pool");
        serde_json::from_str(&told.config).unwrap()
    }

    #[test]
    fn a_provider_learns_the_seed_and_the_shard_beside_what_the_script_says() {
        // Every seed that `--seed` takes arrives whole.
        let portion = Portion {
            seed: u64::MAX,
            shard: 1,
            of: 3,
        };
        assert_eq!(
            config(portion, r#"{"manifest": "./m"}"#),
            json!({"manifest": "./m", "pmplab:seed": u64::MAX, "pmplab:shard": {"index": 1, "of": 3}})
        );
    }

    #[test]
    fn a_script_cannot_pass_itself_off_as_the_core() {
        let portion = Portion {
            seed: 7,
            shard: 0,
            of: 1,
        };
        let forged = r#"{"pmplab:seed": 1, "pmplab:shard": {"index": 1, "of": 2}}"#;
        assert_eq!(
            config(portion, forged),
            json!({"pmplab:seed": 7, "pmplab:shard": {"index": 0, "of": 1}})
        );
    }
}
