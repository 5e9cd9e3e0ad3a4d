//! Every code, once. The letter before the digits tells the severity; the number stays the same.

/// A code and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub number: u16,
    pub title: &'static str,
    pub help: &'static str,
}

const fn code(number: u16, title: &'static str, help: &'static str) -> Code {
    Code {
        number,
        title,
        help,
    }
}

/// Sorted by number.
pub const CODES: &[Code] = &[
    code(
        1,
        "tab in indentation",
        "indent with 2 spaces for each level",
    ),
    code(
        2,
        "unclosed quote",
        "close the string with the quote it began with",
    ),
    code(3, "duplicate key", "rename or remove one of the two keys"),
    code(
        4,
        "misaligned list item",
        "give all items of a list the same indentation",
    ),
    code(
        5,
        "too large or too deep",
        "use fewer aliases, fewer levels, a smaller file",
    ),
    code(6, "second document", "keep one document per script"),
    code(7, "empty script", "begin with workflows, actions and load"),
    code(
        8,
        "not YAML",
        "check the indentation, colons and brackets around the place",
    ),
    code(
        101,
        "unknown top-level key",
        "use one of the listed keys, or begin the key with `x-`",
    ),
    code(
        102,
        "unknown key",
        "use one of the keys that are allowed there",
    ),
    code(103, "missing key", "add the key"),
    code(
        104,
        "wrong type",
        "give the key a value of the kind that is named",
    ),
    code(
        105,
        "version missing or not text",
        "write `version: \"1.0\"`",
    ),
    code(
        106,
        "unknown version of the language",
        "write `version: \"1.0\"`",
    ),
    code(
        107,
        "key in the wrong place",
        "move it to where the help says",
    ),
    code(108, "step with two heads", "make two steps of it"),
    code(109, "`steps` and `nodes` together", "keep one of the two"),
    code(116, "two spellings of one key", "keep one of them"),
    code(
        201,
        "unknown action",
        "define it under `actions`, in the script or in config.yaml",
    ),
    code(
        202,
        "unknown workflow, profile or scenario",
        "define it under `workflows`, `load.profiles` or `load.scenarios`",
    ),
    code(203, "unknown component", "declare it under `components`"),
    code(204, "unknown resource", "declare it under `resources`"),
    code(
        205,
        "component of the wrong role",
        "protocol components run actions, resource components provide resources",
    ),
    code(
        206,
        "unknown name in sim.yaml",
        "name a call as COMPONENT.CALL, or an action of the script",
    ),
    code(
        211,
        "unknown `goto` target",
        "use a step of the workflow, an exit or `closing`",
    ),
    code(
        212,
        "`goto` to a phase that is over",
        "use an exit or `closing`",
    ),
    code(
        213,
        "`goto` out of a `parallel`",
        "let the branch end, and decide after the `parallel`",
    ),
    code(214, "unreachable step or node", "remove it, or lead to it"),
    code(
        215,
        "no way out",
        "add a default transition: `- {to: closing}`",
    ),
    code(
        216,
        "circle without bound",
        "repeat with a `loop`, or give the workflow a `timeout` and the circle a way out",
    ),
    code(
        217,
        "transition that is never taken",
        "the first match wins: put the default last",
    ),
    code(218, "reserved name", "choose another name"),
    code(219, "duplicate name", "give each its own name"),
    code(
        220,
        "join that cannot complete",
        "wait for as many as there are",
    ),
    code(
        221,
        "actions that undo each other",
        "remove one `compensate`",
    ),
    code(
        301,
        "undefined variable",
        "save it before, or give a default: `{{x | default(0)}}`",
    ),
    code(
        302,
        "variable used before it is saved",
        "move the writer before the use",
    ),
    code(
        303,
        "variable saved only on some paths",
        "save it on every path, or give a default",
    ),
    code(
        304,
        "data in a circle",
        "save it in an earlier action, or give a default",
    ),
    code(305, "malformed template", "write `{{name.field}}`"),
    code(306, "`=` in an expression", "compare with `==`"),
    code(
        307,
        "`locals` outside its component",
        "save an output with `save-as`",
    ),
    code(308, "reserved variable name", "choose another name"),
    code(
        309,
        "unknown scope",
        "use workbook, user-local, task-local or global",
    ),
    code(
        310,
        "branches that save the same variable",
        "give each its own name, or say `merge`",
    ),
    code(
        311,
        "several resources offer the field",
        "write `{{resource.NAME.field}}`",
    ),
    code(
        312,
        "unknown resource field",
        "use one of the resource's fields",
    ),
    code(
        313,
        "not a condition, or a constant one",
        "compare with something: `{{meta.status == 200}}`",
    ),
    code(
        314,
        "wrong field or alias of the Workbook",
        "name a field that the engine keeps or the script declares",
    ),
    code(
        315,
        "values that never go together",
        "compare and calculate with values of one type",
    ),
    code(316, "expression too large", "make several of it"),
    code(
        317,
        "value that is known only in the run",
        "read `global.*`, or `env.*` that is given with `--env`",
    ),
    code(401, "unit missing", "write `500ms`, `2s`, `1m30s`"),
    code(
        402,
        "duration not above zero",
        "write a duration above zero",
    ),
    code(403, "malformed rate", "write `100/s`"),
    code(
        404,
        "malformed rate limit",
        "write `50/s`, or `{per-user: 50/s, global: 1000/s}`",
    ),
    code(
        405,
        "not a whole number",
        "write the number in digits, such as `10`",
    ),
    code(406, "unknown WBS level", "use L0 to L5"),
    code(
        407,
        "not a semantic version",
        "write three numbers: `0.2.0`",
    ),
    code(
        408,
        "unknown severity or target",
        "use fatal, error, warn, or a target",
    ),
    code(409, "unknown word", "use one of the listed words"),
    code(
        410,
        "malformed distribution",
        "write `1s`, or `{uniform: [1s, 3s]}` and its kin",
    ),
    code(411, "malformed retry", "write `{limit: 2, delay: 100ms}`"),
    code(
        412,
        "path that leaves the run folder",
        "write a path inside of it",
    ),
    code(413, "malformed size", "write `512KiB`"),
    code(
        414,
        "malformed threshold",
        "write `p95(http.get) < 300ms` or `fail_rate < 1%`",
    ),
    code(
        415,
        "URL that no request can go to",
        "write `http://HOST[:PORT]/PATH`",
    ),
    code(
        501,
        "file of a resource not found",
        "paths are relative to the bundle and stay in it",
    ),
    code(
        502,
        "malformed row of a manifest",
        "write rows as the parser's `fields` say",
    ),
    code(
        503,
        "unknown strategy",
        "use round-robin, least-used, random or sticky",
    ),
    code(
        504,
        "capacity above the manifest",
        "lower `capacity.size`, or add rows",
    ),
    code(
        505,
        "call of the provider missing",
        "bind it under `provider.calls`",
    ),
    code(
        506,
        "checksum mismatch",
        "update the checksum, or restore the file",
    ),
    code(
        507,
        "lease shorter than its use",
        "raise `ttl`, or let it renew",
    ),
    code(
        508,
        "type not provided",
        "bind the resource to a component that provides its type",
    ),
    code(
        509,
        "resource of a domain that the component may not touch",
        "widen the component's `metadata.guard`, or use another component",
    ),
    code(
        601,
        "timeout that never fires",
        "make the inner timeout the shorter one",
    ),
    code(
        602,
        "users never reached",
        "raise `max-duration`, or bring the users sooner",
    ),
    code(
        603,
        "pool smaller than its users",
        "enlarge the pool, or lower `user-count`",
    ),
    code(
        604,
        "failure that leads back without a limit",
        "say `retry: {limit: 2}`, and leave",
    ),
    code(
        605,
        "open load without end",
        "add `duration` to `arrival`, or `max-duration` to the scenario",
    ),
    code(
        606,
        "two models of load in one scenario",
        "keep `arrival`, or the keys of the closed model",
    ),
    code(
        607,
        "scenario that never starts",
        "let one of the scenarios start by itself",
    ),
    code(
        701,
        "capability not declared",
        "use a declared capability, or declare it",
    ),
    code(
        702,
        "component missing or not a component",
        "put a WebAssembly component there",
    ),
    code(
        703,
        "component does not fit its contract",
        "build it from the contract of this version",
    ),
    code(
        704,
        "version of the component differs",
        "declare the version that the component has",
    ),
    code(
        705,
        "wrong parameters of a call",
        "use the call's parameters",
    ),
    code(706, "kind of component not allowed", "use `wasi-component`"),
    code(707, "grant missing", "run with `--allow NAME=GRANTS`"),
    code(
        711,
        "the component `sim` beside real ones",
        "run with `--simulate`: then it answers for all of them",
    ),
    code(
        801,
        "no script",
        "put a script.yaml at the top of the bundle",
    ),
    code(
        802,
        "not enough open files",
        "raise the limit, use fewer users, or more shards",
    ),
    code(803, "`--set` leads nowhere", "name a key of the script"),
    code(
        901,
        "never used, or made up",
        "use it, declare it, or remove it",
    ),
    code(
        902,
        "outcome handled by the next step",
        "say so with `on-error: continue`",
    ),
];

/// The entry of a number.
#[must_use]
pub fn find(number: u16) -> Option<&'static Code> {
    CODES
        .binary_search_by_key(&number, |c| c.number)
        .ok()
        .map(|i| &CODES[i])
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_sorted_and_distinct() {
        assert!(CODES.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}
