pub mod action;
pub mod agent;
mod digest;
mod header;
pub mod job;
mod ladder;
pub mod message;
mod rtp;
mod sdp;
