//! Times that are drawn anew: how they are written, and how they are drawn.

use crate::diag::Span;
use crate::plan::{Dist, Ns};
use crate::random::Rng;
use crate::units::duration_or_zero;
use crate::yaml::Node;

/// Forms that a reader is shown when one is wrong.
pub const FORMS: &str = "`1s`, `{uniform: [1s, 3s]}`, `{exponential: 2s}`, `{normal: {mean: 1s, sd: 200ms}}`, `{lognormal: {p50: 20ms, p99: 90ms}}`";

/// Names of the shapes.
pub const SHAPES: [&str; 5] = ["constant", "uniform", "exponential", "normal", "lognormal"];

/// Standard normal quantile of 0.99.
const Z99: f64 = 2.326_347_874_040_840_8;

/// The longest time that is drawn: as long as the longest that can be written.
const LONGEST: Ns = u64::MAX / 4;

/// What is wrong with a distribution, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    pub span: Span,
    pub message: String,
    /// As a caret says it.
    pub label: &'static str,
}

impl Dist {
    /// Reads a time: a duration, or a map of one shape.
    ///
    /// # Errors
    /// When it is neither, or its numbers contradict each other.
    pub fn read(node: &Node) -> Result<Self, Defect> {
        let Some(entries) = node.map() else {
            return time(node).map(Self::Constant);
        };
        let [entry] = entries else {
            let message = format!("a distribution has one shape: {}", SHAPES.join(", "));
            return Err(defect(node, message, "not one shape"));
        };
        let value = &entry.value;
        match entry.key.as_str() {
            "constant" => time(value).map(Self::Constant),
            "exponential" => time(value).map(|mean| Self::Exponential { mean }),
            "uniform" => {
                let Some([from, to]) = value.list() else {
                    return Err(defect(
                        value,
                        "`uniform` takes two durations: `[1s, 3s]`".into(),
                        "expected a list of two",
                    ));
                };
                let (min, max) = (time(from)?, time(to)?);
                if min > max {
                    let message = "`uniform` begins above its end".into();
                    return Err(defect(value, message, "wrong way round"));
                }
                Ok(Self::Uniform { min, max })
            }
            "normal" => {
                let [mean, sd] = pair(value, "normal", ["mean", "sd"])?;
                Ok(Self::Normal { mean, sd })
            }
            "lognormal" => {
                let [p50, p99] = pair(value, "lognormal", ["p50", "p99"])?;
                if p50 == 0 || p99 < p50 {
                    let message =
                        "`lognormal` needs a `p50` above zero and a `p99` above it".into();
                    return Err(defect(value, message, "cannot be"));
                }
                Ok(Self::Lognormal { p50, p99 })
            }
            other => Err(Defect {
                span: entry.key_span,
                message: format!("there is no distribution `{other}`"),
                label: "unknown shape",
            }),
        }
    }

    /// Draws a time. How many bits it takes from `rng` depends on the shape alone.
    pub fn sample(&self, rng: &mut Rng) -> Ns {
        self.sampler().sample(rng)
    }

    /// The distribution for one who draws often.
    #[must_use]
    pub fn sampler(&self) -> Sampler {
        Sampler {
            dist: *self,
            sigma: match *self {
                Self::Lognormal { p50, p99 } => libm::log(float(p99) / float(p50)) / Z99,
                _ => 0.0,
            },
        }
    }
}

/// A distribution, with what its draws have in common.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    dist: Dist,
    /// Of a lognormal one.
    sigma: f64,
}

impl Sampler {
    /// Draws a time, as [`Dist::sample`] does.
    #[inline]
    pub fn sample(&self, rng: &mut Rng) -> Ns {
        match self.dist {
            Dist::Constant(ns) => ns,
            Dist::Uniform { min, max } => min + rng.below((max - min).saturating_add(1)),
            Dist::Exponential { mean } => whole(float(mean) * rng.exponential()),
            Dist::Normal { mean, sd } => whole(float(mean) + float(sd) * rng.normal()),
            Dist::Lognormal { p50, .. } => whole(float(p50) * libm::exp(self.sigma * rng.normal())),
        }
    }
}

fn defect(node: &Node, message: String, label: &'static str) -> Defect {
    Defect {
        span: node.span,
        message,
        label,
    }
}

fn time(node: &Node) -> Result<Ns, Defect> {
    let text = node.text().unwrap_or_default();
    duration_or_zero(text).map_err(|_| {
        let message = match node.text() {
            Some(text) => format!("`{text}` is not a duration"),
            None => format!("a duration should stand here, not {}", node.what()),
        };
        defect(node, message, "expected a number and a unit")
    })
}

fn pair(node: &Node, shape: &str, names: [&str; 2]) -> Result<[Ns; 2], Defect> {
    let [first, second] = names;
    let entries = node.map().unwrap_or_default();
    if let Some(entry) = entries.iter().find(|e| !names.contains(&e.key.as_str())) {
        return Err(Defect {
            span: entry.key_span,
            message: format!("`{shape}` has no `{}`", entry.key),
            label: "unknown key",
        });
    }
    let (Some(a), Some(b)) = (node.get(first), node.get(second)) else {
        let message = format!("`{shape}` takes two durations: `{first}` and `{second}`");
        return Err(defect(node, message, "both are needed"));
    };
    Ok([time(a)?, time(b)?])
}

const fn float(ns: Ns) -> f64 {
    ns as f64
}

/// Rounded down; never below zero, never above the longest.
fn whole(ns: f64) -> Ns {
    (ns as Ns).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::load;

    const MS: Ns = 1_000_000;

    fn read(text: &str) -> Result<Dist, Defect> {
        Dist::read(&load(text, 0).root.unwrap())
    }

    fn sorted(dist: Dist) -> Vec<Ns> {
        let mut rng = Rng::new(42);
        let mut all: Vec<Ns> = (0..100_000).map(|_| dist.sample(&mut rng)).collect();
        all.sort_unstable();
        all
    }

    fn near(found: f64, wanted: f64) -> bool {
        (found / wanted - 1.0).abs() < 0.02
    }

    #[test]
    fn each_shape_has_its_form() {
        assert_eq!(read("1s"), Ok(Dist::Constant(1000 * MS)));
        assert_eq!(read("{constant: 0s}"), Ok(Dist::Constant(0)));
        let uniform = Dist::Uniform {
            min: 1000 * MS,
            max: 3000 * MS,
        };
        assert_eq!(read("{uniform: [1s, 3s]}"), Ok(uniform));
        let exponential = Dist::Exponential { mean: 2000 * MS };
        assert_eq!(read("{exponential: 2s}"), Ok(exponential));
        let normal = Dist::Normal {
            mean: 1000 * MS,
            sd: 200 * MS,
        };
        assert_eq!(read("{normal: {mean: 1s, sd: 200ms}}"), Ok(normal));
        let lognormal = Dist::Lognormal {
            p50: 20 * MS,
            p99: 90 * MS,
        };
        assert_eq!(read("{lognormal: {p50: 20ms, p99: 90ms}}"), Ok(lognormal));
    }

    #[test]
    fn what_is_no_distribution_says_where() {
        for (text, says, col) in [
            ("5", "`5` is not a duration", 1),
            ("{gauss: 1s}", "there is no distribution `gauss`", 2),
            ("{uniform: [3s, 1s]}", "begins above its end", 11),
            ("{uniform: 3s}", "takes two durations", 11),
            ("{normal: {mean: 1s}}", "takes two durations", 10),
            ("{normal: {mean: 1s, sd: 1s, x: 1}}", "has no `x`", 29),
            ("{lognormal: {p50: 0s, p99: 1s}}", "above zero", 13),
            ("{uniform: [1s, 2s], normal: 1s}", "has one shape", 1),
            ("[1s]", "not a list", 1),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.message.contains(says), "{text}: {}", found.message);
            assert_eq!(found.span.col, col, "{text}");
        }
    }

    #[test]
    fn draws_follow_their_shape() {
        let float = |ns: &Ns| *ns as f64 / MS as f64;
        let mean = |all: &[Ns]| all.iter().map(float).sum::<f64>() / all.len() as f64;
        let uniform = sorted(Dist::Uniform {
            min: 10 * MS,
            max: 30 * MS,
        });
        assert!(uniform[0] >= 10 * MS && uniform[99_999] <= 30 * MS);
        assert!(near(mean(&uniform), 20.0));
        let exponential = sorted(Dist::Exponential { mean: 20 * MS });
        assert!(near(mean(&exponential), 20.0));
        assert!(near(float(&exponential[50_000]), 20.0 * 2f64.ln()));
        let normal = sorted(Dist::Normal {
            mean: 100 * MS,
            sd: 10 * MS,
        });
        assert!(near(mean(&normal), 100.0) && near(float(&normal[84_134]), 110.0));
        let lognormal = sorted(Dist::Lognormal {
            p50: 20 * MS,
            p99: 90 * MS,
        });
        assert!(near(float(&lognormal[50_000]), 20.0) && near(float(&lognormal[99_000]), 90.0));
    }

    #[test]
    fn no_draw_is_below_zero_or_without_end() {
        let wide = Dist::Normal {
            mean: MS,
            sd: 1000 * MS,
        };
        assert_eq!(sorted(wide)[0], 0);
        let huge = Dist::Exponential { mean: LONGEST };
        assert_eq!(sorted(huge)[99_999], LONGEST);
        let all = Dist::Uniform {
            min: 0,
            max: LONGEST,
        };
        assert!(sorted(all)[99_999] <= LONGEST);
    }

    /// The same figures in wasm and on any machine: nothing here comes from the platform's mathematics.
    #[test]
    fn draws_are_the_same_everywhere() {
        let mut rng = Rng::new(7);
        let mut draw = |dist: Dist| dist.sample(&mut rng);
        let found = [
            draw(Dist::Exponential { mean: 20 * MS }),
            draw(Dist::Normal {
                mean: 100 * MS,
                sd: 10 * MS,
            }),
            draw(Dist::Lognormal {
                p50: 20 * MS,
                p99: 90 * MS,
            }),
            draw(Dist::Uniform { min: 0, max: MS }),
        ];
        assert_eq!(found, [9_880_345, 101_493_867, 8_833_704, 249_431]);
    }
}
