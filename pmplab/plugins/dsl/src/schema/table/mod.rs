//! The language, key by key.

mod actions;
mod call;
mod components;
mod kinds;
mod load;
mod resources;
mod sim;
mod steps;
mod top;
mod workbook;

use super::Described;

/// Every described map.
pub const ALL: &[&Described] = &[
    &top::SCRIPT,
    &top::CONFIG,
    &components::COMPONENT,
    &components::COMPONENT_METADATA,
    &components::PROVIDES,
    &resources::RESOURCE,
    &resources::RESOURCE_METADATA,
    &resources::PROVIDER,
    &resources::CALLS,
    &resources::LEASING,
    &resources::RESOURCE_CONFIG,
    &resources::PARSER,
    &resources::CAPACITY,
    &steps::WORKFLOW,
    &steps::STEP,
    &steps::NODE,
    &steps::LOOP,
    &steps::PARALLEL,
    &steps::CONTROLS,
    &steps::EXEC,
    &steps::FLOW,
    &steps::TRANSITION,
    &steps::DISTRIBUTION,
    &steps::NORMAL,
    &steps::LOGNORMAL,
    &actions::ACTION,
    &actions::SAVE_AS,
    &actions::PERSIST,
    &actions::EXTRACTOR,
    &actions::RETRY,
    &actions::RATE_LIMIT,
    &load::LOAD,
    &load::PROFILE,
    &load::STAGE,
    &load::SCENARIO,
    &load::SHAPED_SCENARIO,
    &load::ARRIVAL,
    &load::USER,
    &load::EXITS,
    &load::TIMEOUT_EXIT,
    &load::ERROR_EXIT,
    &workbook::WORKBOOK,
    &workbook::WORKBOOK_SECTIONS,
    &workbook::WORKBOOK_SECTION,
    &workbook::MONITORING,
    &workbook::ALERT,
    &workbook::RESPONSE,
    &sim::SIM,
    &sim::SIM_CALL,
    &sim::SIM_SERVER,
    &sim::SIM_OUTAGE,
];
