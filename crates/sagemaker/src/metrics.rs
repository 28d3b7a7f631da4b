//! What the platform may read out of the log: the `metric_definitions` of a job.
//!
//! For its own algorithm the platform knows them; for an image of anybody's it must be told.

/// Name and expression of each metric. The first four are those of the built-in algorithm.
pub const METRICS: [(&str, &str); 10] = [
    ("validation:accuracy", r"Validation-accuracy=([0-9\.]+)"),
    ("validation:accuracy:epoch", r"Validation-accuracy=([0-9\.]+)"),
    ("train:accuracy:epoch", r"Train-accuracy=([0-9\.]+)"),
    ("train:accuracy", r"Epoch\[\d+\] Batch \[\d+\].*accuracy=([0-9\.]+)"),
    ("train:throughput", r"Speed: ([0-9\.]+) samples/sec"),
    ("train:loss", r"Train-loss=([0-9\.]+)"),
    ("validation:loss", r"Validation-loss=([0-9\.]+)"),
    ("validation:macro_f1", r"Validation-macro-f1=([0-9\.]+)"),
    ("train:learning_rate", r"Learning-rate=([0-9\.e-]+)"),
    ("train:data_wait", r"Data-wait=([0-9\.]+)%"),
];
