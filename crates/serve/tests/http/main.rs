//! The server over real sockets.
//!
//! - `answers`: what a good request gets, in every form
//! - `refusals`: what a bad one gets, and that the next is none the worse
//! - `limits`: what clients may cost; `hostile`: bytes that mean harm
//! - `models`: what can be loaded and what cannot; `many_models`: the multi-model API
//! - `operations`: metrics, timings, request ids, parameters, the page
//! - `lifecycle`: before the model is there, at shutdown, when loading fails; `drain`: stopping under load
//! - `fixture`: a tiny model, images, a server in this process; `client`: HTTP/1.1 by hand

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod client;
mod drain;
mod fixture;
mod hostile;
mod lifecycle;
mod limits;
mod many_models;
mod models;
mod operations;
mod refusals;
