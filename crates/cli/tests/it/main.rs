//! Tests that drive the real binary.
//!
//! - [`container`]: a job under a temporary `/opt/ml`: log, artifact, repeatability, SIGTERM
//! - [`several_labels`]: jobs with `multi_label=1`, their model and its answers
//! - [`incremental`]: jobs that go on from a model
//! - [`extensions`]: hyperparameters of our own
//! - [`reports`]: figures and pictures of a run
//! - [`device`]: what `--device` takes and refuses
//! - [`compatibility`]: the public notebooks of the replaced algorithm, row by row; [`tuning`]: what a tuner tries
//! - [`torchvision`]: jobs of version 1.5 and its weights, against torchvision itself when `TORCH_PYTHON` names a Python that has it
//! - [`checkpoints`]: jobs that are killed, stopped and damaged at every point, and end with the weights of one that was not
//! - [`modes`]: channels in Pipe and FastFile mode, in every form that a channel can have
//! - [`ranks`]: processes that train a job together, and what they do when one of them does not
//! - [`refusals`]: bad input of every kind, each ending in one sentence
//! - [`s3`]: data, checkpoints and artifact in S3, when `S3_SERVER` names s3s-fs
//! - [`local`]: a person's training run
//! - [`endpoint`]: `serve`, asked over a socket, and `predict`, which must agree with it
//! - [`operations`]: `serve` as operators see it; [`page`]: its page in a browser, which [`browser`] drives
//! - [`privileges`]: what is left of root's rights
//! - [`export`]: ONNX, safetensors and the old form, each against our own answers
//! - [`im2rec`]: images to lists to record files
//! - [`inspection`]: `inspect` of every format
//! - [`audit`]: a sound data set, and one with every kind of fault
//! - [`preview`]: sheets and arrays against the images themselves
//! - [`mxnet`]: MXNet loads what we write, when `MXNET_PYTHON` names a Python that has it
//!
//! [`harness`] runs the binary and makes data.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod audit;
mod browser;
mod checkpoints;
mod compatibility;
mod container;
mod device;
mod endpoint;
mod export;
mod extensions;
mod harness;
mod im2rec;
mod incremental;
mod inspection;
mod local;
mod modes;
mod mxnet;
mod operations;
mod page;
mod preview;
mod privileges;
mod ranks;
mod refusals;
mod reports;
mod s3;
mod several_labels;
mod torchvision;
mod tuning;
