//! HTTP, admission, batching, prediction, drain
