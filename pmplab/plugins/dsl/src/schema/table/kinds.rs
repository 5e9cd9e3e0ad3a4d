//! Kinds of values that stand in several places.

use super::super::{Kind, Ref};

pub const STEP: Kind = Kind::Place("STEP");
pub const STEPS: Kind = Kind::Filled(&Kind::List(&STEP));

/// What comes after an error or a timeout: steps, a single one, or a text.
pub const HANDLER: Kind = Kind::Either(&[Kind::List(&HANDLER_ITEM), STEP, HANDLER_TEXT]);
const HANDLER_ITEM: Kind = Kind::Either(&[STEP, HANDLER_TEXT]);
const HANDLER_TEXT: Kind = Kind::Form(r"^\s*((goto|action|ref)\s+\S+|continue)\s*$");

pub const EXITS: Kind = Kind::Place("EXITS");
pub const RETRY: Kind = Kind::Either(&[Kind::Place("RETRY"), Kind::Whole(0)]);
pub const RATE_LIMIT: Kind = Kind::Either(&[Kind::Rate, Kind::Place("RATE_LIMIT")]);
pub const WITH: Kind = Kind::Named(&Kind::Any);
pub const SAVE_AS: Kind = Kind::Either(&[Kind::Name, Kind::Place("SAVE_AS")]);
pub const EXTRACT: Kind = Kind::Named(&Kind::Place("EXTRACTOR"));
pub const COMPENSATE: Kind = Kind::Refer(Ref::Action);
/// A time, fixed or drawn anew at each use.
pub const DISTRIBUTION: Kind = Kind::Either(&[Kind::Duration, Kind::Place("DISTRIBUTION")]);
