//! The server over real sockets.
//!
//! - `answers`: what a good request gets, in every form
//! - `refusals`: what a bad one gets, and that the next is none the worse
//! - `models`: what can be loaded and what cannot
//! - `lifecycle`: before the model is there, at shutdown, when loading fails
//! - `fixture`: a tiny model, images, a server in this process; `client`: HTTP/1.1 by hand

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod client;
mod fixture;
mod lifecycle;
mod models;
mod refusals;
