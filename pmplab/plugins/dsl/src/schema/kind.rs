//! Kinds of values, as JSON Schema sees them.

/// What a value may be.
pub enum Kind {
    /// Anything, templates included.
    Any,
    /// A scalar, read as text.
    Text,
    /// A name of the author's choosing.
    Name,
    /// The name of something that stands elsewhere.
    Refer(Ref),
    Duration,
    /// A duration, or none at all: `0s`.
    DurationOrZero,
    Rate,
    /// A rate, or none at all: `0/s`.
    RateOrZero,
    Size,
    /// `1%`, or a number between 0 and 1.
    Share,
    /// A whole number of at least this.
    Whole(u64),
    Number,
    /// A number from the one to the other.
    Between(u32, u32),
    Boolean,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// Text in a form of its own: a pattern and what to say of it.
    Form(&'static str),
    /// Text that a template fills in.
    Template,
    /// A condition, such as `{{meta.status == 200}}`.
    Condition,
    /// A map of a described kind, by its name.
    Place(&'static str),
    /// A map in which these keys are.
    Holding(&'static [&'static str]),
    /// A type of a field of the Workbook, or fields inside of it.
    Field,
    /// The same, but not nothing.
    There(&'static Kind),
    /// A map whose keys are names of the author's choosing.
    Named(&'static Kind),
    List(&'static Kind),
    /// A list or a map of names that may not be empty.
    Filled(&'static Kind),
    /// A list of exactly two.
    Pair(&'static Kind),
    /// A list, or nothing, which says the same as leaving the key out.
    ListOrNothing(&'static Kind),
    /// Nothing, which says the same as leaving the key out.
    Nothing,
    Either(&'static [Kind]),
}

/// What a name refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ref {
    Action,
    /// `COMPONENT.CALL`, or `log.LEVEL`.
    Call,
    Component,
    Resource,
    Workflow,
    Profile,
    Scenario,
    /// Where a `goto` leads.
    Target,
    /// A node of the same workflow.
    Node,
}

impl Ref {
    /// As the schema says it in `x-pmplab-ref`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Call => "call",
            Self::Component => "component",
            Self::Resource => "resource",
            Self::Workflow => "workflow",
            Self::Profile => "profile",
            Self::Scenario => "scenario",
            Self::Target => "target",
            Self::Node => "node",
        }
    }
}
